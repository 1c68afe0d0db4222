from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from trainer.validation.schedule import TERMINAL, sigmas

GOLDEN = Path(__file__).parents[2] / "golden" / "schedules.safetensors"

PUBLISHED = {
    4: [1, 0.86708, 0.63157, 0.1, 0],
    8: [1, 0.96571, 0.92187, 0.86386, 0.78345, 0.66458, 0.471, 0.1, 0],
    20: [1, 0.99147, 0.98212, 0.97183, 0.96046, 0.94783, 0.9337, 0.9178, 0.89978, 0.87917, 0.85539, 0.82762, 0.79478,
         0.75535, 0.70711, 0.64674, 0.56901, 0.46518, 0.31944, 0.1, 0],
}  # fmt: skip


@pytest.mark.parametrize("steps", sorted(PUBLISHED))
def test_written_vectors(steps: int) -> None:
    torch.testing.assert_close(sigmas(steps), torch.tensor(PUBLISHED[steps], dtype=torch.float32), rtol=0, atol=6e-6)


@pytest.mark.parametrize("steps", [2, 4, 8, 20, 30, 40])
def test_reference_schedules(steps: int) -> None:
    expected = load_file(GOLDEN)[f"scheduler/default_n{steps}"]
    torch.testing.assert_close(sigmas(steps), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 50, 1000])
def test_from_one_to_zero_and_always_down(steps: int) -> None:
    levels = sigmas(steps)
    assert levels.dtype == torch.float32
    assert levels.shape == (steps + 1,)
    assert [levels[0].item(), levels[-1].item()] == [1, 0]
    assert (levels.diff() < 0).all()
    if steps > 1:
        assert levels[-2].item() == pytest.approx(TERMINAL, abs=1e-6)


def test_one_step_goes_from_noise_to_nothing() -> None:
    assert sigmas(1).tolist() == [1, 0]
    with pytest.raises(ValueError, match="at least one"):
        sigmas(0)
