"""What phases take, on the host."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trainer.loop.meter import Meter

MB = 2**20


def test_a_phase_is_its_peak_beyond_the_start() -> None:
    meter = Meter(torch.device("cpu"))
    with meter.phase("small"):
        kept = np.ones(20 * MB, np.uint8)
    with meter.phase("large"):
        passing = np.ones(120 * MB, np.uint8)
        del passing
    with meter.phase("after"):
        pass
    taken = {name: one.peak / MB for name, one in meter.phases.items()}
    assert 19 < taken["small"] < 60
    assert taken["large"] > 130  # what was kept is included
    assert taken["after"] < 60
    assert kept.size
    assert meter.reserved == 0
    assert all(one.seconds >= 0 for one in meter.phases.values())


def test_a_phase_that_fails_is_measured_too() -> None:
    meter = Meter(torch.device("cpu"))
    with pytest.raises(ValueError, match="enough"), meter.phase("failing"):
        raise ValueError("enough")
    assert set(meter.phases) == {"failing"}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_card_it_is_what_tensors_took() -> None:
    meter = Meter(torch.device("cuda", 0))
    with meter.phase("work"):
        torch.ones(64 * MB, dtype=torch.uint8, device="cuda")
    assert meter.phases["work"].peak >= 64 * MB
    assert meter.reserved >= meter.phases["work"].peak
