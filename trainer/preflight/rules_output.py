"""The output directory: writable, free, this run's own, and with room for what will be saved."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from schemas import validate
from schemas.diff import Difference, diff
from schemas.errors import EXIT_ENVIRONMENT, ConfigError
from trainer.preflight.facts import Facts
from trainer.preflight.problem import Problem, error, info, warning
from trainer.preflight.rules_targets import targeted
from trainer.preflight.same_run import refused, save_bytes
from trainer.rundir import RunDirectory, RunLock

_FIELD: Final = "output_dir"
_SHOWN: Final = 5


def directory(facts: Facts) -> Iterator[Problem]:
    """It can be written to and no trainer is using it."""
    path = Path(facts.config.output_dir)
    existing = nearest_existing(path)
    if not existing.is_dir():
        yield error("output-not-a-directory", _FIELD, f"{existing} is a file", "choose another output_dir", exit_code=4)
        return
    if not os.access(existing, os.W_OK | os.X_OK):
        yield error(
            "output-not-writable",
            _FIELD,
            f"{existing} cannot be written to",
            "choose another output_dir or change its permissions",
            exit_code=EXIT_ENVIRONMENT,
        )
    run = RunDirectory(path)
    if _locked(run.lock_path):
        yield error(
            "output-locked",
            _FIELD,
            f"{path} is in use by {RunLock(run).owner() or 'another process'}",
            "watch it with `monitor`, stop it with `send RUN stop`, or choose another output_dir",
            exit_code=EXIT_ENVIRONMENT,
        )


def nearest_existing(path: Path) -> Path:
    """The path itself, or the closest parent that exists."""
    place = path.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def _locked(path: Path) -> bool:
    """Whether a trainer holds the lock; asked with a shared lock that is given back at once."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # not there, or a file system without locks: `train` warns about the latter
    return False


def earlier_run(facts: Facts) -> Iterator[Problem]:
    """What lies in the directory belongs to this run, which then goes on; anything else is refused by `train`."""
    config = facts.config
    run = RunDirectory(Path(config.output_dir))
    if config.checkpoints.no_resume:
        return
    states = run.states()
    if not states:
        if run.checkpoints_path.is_dir() and any(run.checkpoints_path.glob("*.safetensors")):
            yield error(
                "output-other-run",
                _FIELD,
                f"{run.path} holds saves of an earlier run but no training state to go on from",
                "choose another output_dir, or start anew with `train --resume never`",
            )
        return
    step, path = states[-1]
    differences = _differences(facts, path)
    if differences is None:
        yield warning("output-state", _FIELD, f"{path} names no configuration that can be read")
    elif differences:
        shown = "; ".join(f"{found.path}: {found.left!r} -> {found.right!r}" for found in differences[:_SHOWN])
        more = f" and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        yield error(
            "output-other-run",
            _FIELD,
            f"{run.path} holds a run with another configuration ({shown}{more})",
            "restore these values, choose another output_dir, or start anew with `train --resume never`",
        )
    elif step >= config.optimization.steps:
        yield warning("output-finished", _FIELD, f"{run.path} is at step {step} already", "raise optimization.steps")
    else:
        yield info("output-resumes", _FIELD, f"{run.path} goes on from step {step}")


def _differences(facts: Facts, state: Path) -> tuple[Difference, ...] | None:
    """What may not differ from the run's newest state and does; None when its configuration cannot be read."""
    try:
        numbers: Any = json.loads((state / "state.json").read_bytes())
        saved = validate(numbers["config"])
    except (OSError, ValueError, KeyError, TypeError, ConfigError):
        return None
    return refused(diff(saved, facts.config))


def one_save(facts: Facts) -> int:
    """Bytes of one save: exported weights and training state. 0 when the checkpoint cannot be read."""
    lora, saves = facts.config.lora, facts.config.checkpoints
    if facts.config.model.training_mode == "lora":
        count = sum(module.lora_parameters(lora.rank if lora else 0) for module in targeted(facts))
        averaged = lora is not None and lora.ema_decay is not None
        return save_bytes(count, saves.precision, saves.save_training_state, averaged=averaged)
    checkpoint = facts.sound_checkpoint
    if checkpoint is None:
        return 0
    count = sum(tensor.numel for tensor in checkpoint.transformer_tensors.values())
    # The export is a copy of the model file with new transformer weights in it.
    return save_bytes(count, saves.precision, saves.save_training_state, copied=checkpoint.header.size)


def disk_space(facts: Facts) -> Iterator[Problem]:
    """Room for one save beside the older ones, and for all that will be kept."""
    config, one = facts.config, one_save(facts)
    if not one:
        return
    place = nearest_existing(Path(config.output_dir))
    try:
        free = shutil.disk_usage(place).free
    except OSError:
        return
    interval, steps = config.checkpoints.interval, config.optimization.steps
    saves = 1 if interval is None else -(-steps // interval)
    kept = saves if config.checkpoints.keep_last_n < 1 else min(saves, config.checkpoints.keep_last_n)
    total = (kept + 1) * one
    if free < 2 * one:
        yield error(
            "disk-full",
            _FIELD,
            f"{_gib(free)} free at {place}; a save takes {_gib(one)} and wants twice that",
            "free some space, choose another disk, or use save_training_state: minimal",
            exit_code=EXIT_ENVIRONMENT,
        )
    elif free < total:
        yield warning(
            "disk-space",
            "checkpoints.keep_last_n",
            f"{_gib(free)} free at {place}; {kept} saves of {_gib(one)} take {_gib(total)} at the peak",
            "lower checkpoints.keep_last_n, or raise checkpoints.interval",
        )
    else:
        yield info("disk", _FIELD, f"{_gib(one)} a save, {_gib(total)} at the peak, {_gib(free)} free")


def _gib(count: int) -> str:
    return f"{count / 2**30:,.2f} GB" if count >= 10 << 20 else f"{count / 2**20:,.2f} MB"
