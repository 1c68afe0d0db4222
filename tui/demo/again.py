"""Is going on the same as never having stopped? The run's end, trained once more from the save before it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from schemas import LtxTrainerConfig, render_yaml, validate
from schemas.errors import NumericError
from trainer.preflight.rules_machine import compute_capability
from trainer.rundir.atomic import write_atomic
from trainer.rundir.layout import RunDirectory
from tui.demo.processes import run_quietly


def train_again(config: LtxTrainerConfig, folder: Path) -> dict[str, Any] | None:
    """Go on from the last save but one of a finished run, in ``folder``, which is removed again.

    Returns what demo.json tells of it; None when no earlier save is left. A process that fails ends the demo.
    """
    states = RunDirectory(Path(config.output_dir)).states()
    if len(states) < 2:
        return None
    (step, start), (last, end) = states[-2:]
    shutil.rmtree(folder, ignore_errors=True)
    data = config.model_dump(mode="json")
    data["output_dir"] = str(folder / "run")
    data["validation"] |= {"interval": None, "samples": []}
    data["checkpoints"]["interval"] = None
    folder.mkdir(parents=True)
    path = folder / "config.yaml"
    write_atomic(path, render_yaml(validate(data)).encode())
    run_quietly("trainer.train", str(path), "--resume", str(start))
    same = weights_of(end) == weights_of(RunDirectory(folder / "run").state_path(last))
    shutil.rmtree(folder, ignore_errors=True)
    return {"from_step": step, "to_step": last, "same": same}


def weights_of(state: Path) -> str:
    """Checksum of the trained weights in a training state."""
    found: str = json.loads((state / "manifest.json").read_bytes())["files"]["weights.safetensors"]["sha256"]
    return found


def verdict(found: dict[str, Any] | None) -> str:
    """One line about it. Raises NumericError for other weights on a processor, where sums have one order."""
    if found is None:
        return "no earlier save of this run is left to go on from"
    path = f"steps {found['from_step']} to {found['to_step']} trained once more from the save"
    if found["same"]:
        return f"{path}: the same weights to the bit"
    if compute_capability() is None:
        raise NumericError(f"{path}: other weights than without the interruption")
    return f"{path}: the same but for rounding (a graphics card adds up in any order)"
