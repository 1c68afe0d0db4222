"""Memory that runs out: the save before it, the estimate beside the fact, and three changes that do help."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from presets.memory import estimate
from schemas import validate
from schemas.errors import EnvironmentFault
from schemas.overrides import apply
from tests.trainer.loop.world import config_data, events, train, weights_digest
from trainer.loop.oom import cheapest_fixes, explain_oom
from trainer.preflight.memory import memory_job
from trainer.seeds import seed_forward

CPU = torch.device("cpu")
SAID = "CUDA out of memory. Tried to allocate 2.00 GiB.\nmore"


def test_a_library_without_memory_is_no_bug_either(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(seed: int, rank: int, step: int, micro_step: int) -> None:
        if step == 1:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        seed_forward(seed, rank, step, micro_step)

    monkeypatch.setattr("trainer.loop.engine.seed_forward", exhausted)
    with pytest.raises(EnvironmentFault, match=r"ran out of memory in a training step: .*CUBLAS_STATUS_ALLOC_FAILED"):
        train(clips, tmp_path / "run", checkpoints__interval=None, optimization__batch_size=1)
    assert weights_digest(tmp_path / "run", 1)


def test_a_step_that_does_not_fit_ends_with_everything_one_needs(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(seed: int, rank: int, step: int, micro_step: int) -> None:
        if step == 2:
            raise torch.OutOfMemoryError(SAID)
        seed_forward(seed, rank, step, micro_step)

    output = tmp_path / "run"
    saved: list[bool] = []

    def measured(_device: torch.device) -> str:
        saved.append((output / "checkpoints" / "step_000002").exists())
        return "measured: before the save"

    monkeypatch.setattr("trainer.loop.trainer.measured", measured)
    monkeypatch.setattr("trainer.loop.engine.seed_forward", exhausted)
    with pytest.raises(EnvironmentFault) as raised:
        train(clips, output, checkpoints__interval=None, optimization__batch_size=1)
    assert raised.value.exit_code == 4
    assert events(output, "exit")[-1]["code"] == 4
    assert weights_digest(output, 2)
    said = str(raised.value)
    assert "Tried to allocate 2.00 GiB" in said
    # Saving begins another account of peaks, so it is too late to ask after it.
    assert "measured: before the save" in said
    assert saved == [False]
    assert (output / "checkpoints" / "step_000002").exists()
    assert re.search(r"estimated: \d+\.\d GB of tensors in this phase, .* training step \d", said)
    assert "rests on formulas alone" in said
    assert all(f"{number}) " in said for number in (1, 2, 3))


def test_the_three_changes_help_and_the_cheapest_comes_first(clips: Path, tmp_path: Path) -> None:
    data = config_data(clips, tmp_path, optimization__batch_size=4)
    fixes = cheapest_fixes(validate(data))
    assert len(fixes) == 3
    assert "optimization.batch_size to 1" in fixes[0]
    assert "gradient_accumulation_steps 8" in fixes[0]
    before = estimate(memory_job(validate(data))).total("training_step")
    for fix in fixes:
        path, value = re.match(r"set (\S+) to (\S+) ", fix).groups()  # type: ignore[union-attr]
        changed = validate(apply(data, [f"{path}={value}"]))
        assert estimate(memory_job(changed)).total("training_step") < before


@pytest.mark.parametrize(
    ("during", "named"),
    [
        ("phase loading", "load"),
        ("phase caching", "text encoding"),
        ("the probe's phase text_encoding", "text encoding"),
        ("phase validating", "validation"),
        ("a training step", "training step"),
    ],
)
def test_the_phase_that_ran_out_is_the_one_estimated(clips: Path, tmp_path: Path, during: str, named: str) -> None:
    config = validate(config_data(clips, tmp_path))
    fault = explain_oom(config, CPU, SAID, during=during)
    found = estimate(memory_job(config)).phases
    size = sum(found.get(named.replace(" ", "_"), {"": 0}).values()) / 2**30
    if named.replace(" ", "_") in found:
        assert f"estimated: {size:.1f} GB of tensors in this phase" in fault.why
    assert "1) " in fault.hint
