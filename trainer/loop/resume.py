"""Where a run goes on: finding the newest training state that is whole, and refusing one of another run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.diff import Difference
from schemas.errors import CheckpointError, ConfigError, EnvironmentFault
from trainer.files.checkpoint import file_fingerprint, resolve_model_files
from trainer.loop.identity import demand_same_run
from trainer.loop.ledger import Ledger
from trainer.loop.reporter import Reporter
from trainer.loop.start import StartWeights, foreign_step
from trainer.loop.state_files import TrainingState, quarantine, read_state
from trainer.rundir import RunDirectory

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig


@dataclass(frozen=True, slots=True)
class Resumed:
    """A state to go on from."""

    state: TrainingState
    path: Path
    changes: tuple[Difference, ...]
    """Allowed differences between the saved configuration and this one."""


def find_state(
    config: LtxTrainerConfig, run: RunDirectory, wish: str, start: StartWeights | None, reporter: Reporter
) -> Resumed | None:
    """The state that ``--resume`` asks for; None to start at step 0.

    ``auto``: the newest whole one of this run directory, else one beside ``model.load_checkpoint``. ``never``: none.
    Otherwise a path to a state, or to a run whose newest is taken. Raises ConfigError when the state belongs to
    another training, EnvironmentFault when there are states but none is whole, CheckpointError when the named one is
    not.
    """
    if wish not in ("auto", "never"):
        return _named(config, Path(wish).expanduser(), reporter)
    if wish == "never" or config.checkpoints.no_resume:
        return None
    own = newest_state(run, reporter)
    if own is not None:
        path, state = own
        return _same_run(config, path, state)
    if Ledger(run).saves:
        raise ConfigError(
            f"{run.path} holds saves of an earlier run but no training state to go on from",
            where="output_dir",
            why="it ran with checkpoints.save_training_state: off",
            hint="choose another output_dir, or start anew with --resume never",
        )
    return _beside(config, start, reporter)


def newest_state(run: RunDirectory, reporter: Reporter, *, own: bool = True) -> tuple[Path, TrainingState] | None:
    """The newest whole state of a run; None when it has none at all.

    Bad ones that are newer are told, and set aside when the run is our ``own``. When none is whole nothing is moved
    and an EnvironmentFault lists the reasons: starting over at step 0 is for the user to decide.
    """
    bad: list[tuple[Path, CheckpointError]] = []
    for _, path in reversed(run.states()):
        try:
            state = read_state(path)
        except CheckpointError as error:
            bad.append((path, error))
            continue
        for broken, reason in bad:
            done = f"set aside as {quarantine(broken).name}" if own else "left where it is"
            reporter.warn("checkpoint_corrupt", f"{reason.where}: {reason.message}; {done}, going on from {path.name}")
        return path, state
    if bad:
        raise EnvironmentFault(
            "no training state is whole: " + "; ".join(f"{path.name}: {error.message}" for path, error in bad),
            where=run.checkpoints_path,
            why="going on from step 0 would silently throw the run away",
            hint="restore one from a backup, or start anew with --resume never",
        )
    return None


def set_aside(run: RunDirectory) -> list[Path]:
    """Before starting anew in a used directory: move what the earlier run left out of the way, deleting nothing."""
    moved = []
    for path in (run.checkpoints_path, run.samples_path, run.events_path):
        if not path.exists() or (path.is_dir() and not any(path.iterdir())):
            continue
        number = 1
        while (target := path.with_name(f"{path.stem}.old-{number}{path.suffix}")).exists():
            number += 1
        path.rename(target)
        moved.append(target)
    run.create()
    return moved


def _named(config: LtxTrainerConfig, path: Path, reporter: Reporter) -> Resumed:
    if not path.is_dir():
        raise CheckpointError(
            "is no training state",
            where=path,
            hint="name a directory like RUN/checkpoints/step_000500, or a run directory",
        )
    if (path / "state.json").is_file() or (path / "manifest.json").is_file() or path.name.startswith("step_"):
        return _same_run(config, path, read_state(path))
    folder = path.parent if path.name == "checkpoints" else path
    found = newest_state(RunDirectory(folder), reporter, own=False)
    if found is None:
        raise CheckpointError("holds no training state", where=path)
    return _same_run(config, *found)


def _beside(config: LtxTrainerConfig, start: StartWeights | None, reporter: Reporter) -> Resumed | None:
    """The state of the same step beside ``model.load_checkpoint``; whatever is wrong with it is a warning."""
    if start is None:
        return None
    if start.state is not None:
        try:
            return _same_run(config, start.state, read_state(start.state))
        except (CheckpointError, ConfigError) as error:
            reporter.warn("state_not_used", f"the weights are loaded, the state beside them is not: {error}")
    return None


def foreign_start(start: StartWeights | None, reporter: Reporter) -> int:
    """Step to count from when only the original trainer's state lies beside the weights; 0 when it cannot be used."""
    if start is None or start.foreign_state is None:
        return 0
    try:
        step = foreign_step(start.foreign_state)
    except CheckpointError as error:
        reporter.warn("state_not_used", str(error))
        return 0
    reporter.warn("optimizer_state_lost", f"going on at step {step}; the optimizer's averages start anew")
    return step


def _same_run(config: LtxTrainerConfig, path: Path, state: TrainingState) -> Resumed:
    saved = state.numbers.get("config")
    if not isinstance(saved, Mapping):
        raise CheckpointError("names no configuration", where=path)
    changes = demand_same_run(saved, config, str(path))
    _demand_base(config, state, path)
    return Resumed(state, path, changes)


def _demand_base(config: LtxTrainerConfig, state: TrainingState, path: Path) -> None:
    """The same path may hold another model by now, for which the adapters mean nothing."""
    saved = state.numbers.get("base")
    now = file_fingerprint(resolve_model_files(config.model).transformer)
    if saved is not None and saved != now:
        raise ConfigError(
            f"{path} was trained on another base model than the file that is there now",
            where="model.model_path",
            why="going on would move weights that were learnt for other ones",
            hint="name the file it was trained on, or start anew with --resume never",
        )


def compare_data(resumed: Resumed, digest: str, reporter: Reporter) -> None:
    """Tell when the prepared clips are not those that the run has been trained on."""
    saved = resumed.state.numbers.get("data")
    if saved is not None and saved != digest:
        reporter.warn(
            "data_changed",
            "the prepared clips are not those of the save that this run goes on from: from here on it sees other ones, "
            "in another order, than without the interruption",
        )
