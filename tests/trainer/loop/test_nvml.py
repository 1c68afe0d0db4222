from __future__ import annotations

import pytest
import torch

from trainer.loop.memory import memory_metrics
from trainer.loop.nvml import utilization


def test_a_card_that_is_not_there_has_no_utilization() -> None:
    assert utilization("GPU-00000000-0000-0000-0000-000000000000") is None


def test_without_a_card_only_the_host_is_measured() -> None:
    metrics = memory_metrics(torch.device("cpu"))
    assert set(metrics) == {"host_rss", "host_available"}
    assert metrics["host_rss"] > 0
    assert metrics["host_available"] > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_card_says_how_busy_and_how_large_it_is() -> None:
    metrics = memory_metrics(torch.device("cuda"))
    assert 0 <= metrics["gpu_utilization"] <= 100
    assert metrics["memory_reserved"] <= metrics["memory_total"]
