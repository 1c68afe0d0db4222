"""The sampler against the original's: every stored case of every version."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.goldens import sampling

torch.set_num_threads(1)
GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.mark.parametrize("version", ["2.0", "2.3", "2.5"])
def test_all_sampling_cases(version: str) -> None:
    found = list(sampling.run(GOLDEN / f"sampling_ltx{version}.safetensors", None))
    assert len({item.case for item in found}) == 26
    assert [item for item in found if not item.ok] == []


def test_golden_schedules() -> None:
    found = list(sampling.run(GOLDEN / "schedules.safetensors", None))
    assert len(found) == 6
    assert all(item.ok for item in found)
