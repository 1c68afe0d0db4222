"""One run from its configuration file to its exit code."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from schemas import LoadedConfig, load_config, render_yaml
from schemas.errors import EXIT_BUG, EXIT_OK, EXIT_STOPPED, ConfigError, WizardError
from schemas.fingerprint import config_fingerprint
from trainer.files.checkpoint import resolve_model_files
from trainer.loop.clips import batches
from trainer.loop.controls import Desk, answer_unobeyed
from trainer.loop.gate import demand_trainable
from trainer.loop.held_out import HeldOutLoss
from trainer.loop.identity import describe
from trainer.loop.oom import explain_oom
from trainer.loop.peaks import peaks_kept
from trainer.loop.precision import compute_dtype
from trainer.loop.reporter import Reporter, keep_going
from trainer.loop.resume import Resumed, compare_data, find_state, foreign_start, set_aside
from trainer.loop.saving import Saver, export_path
from trainer.loop.session import Session
from trainer.loop.setup import Prepared, build_session, prepare
from trainer.loop.signals import Heed, Interrupted, StopSignals
from trainer.loop.start import find_start_weights
from trainer.loop.state_files import settle_replaced
from trainer.loop.tracker import Tracker, start_tracker
from trainer.loop.trainer import Trainer
from trainer.loop.validated import Validated
from trainer.loop.validating import Validator
from trainer.model.inputs import Modalities
from trainer.model.out_of_memory import is_out_of_memory
from trainer.objective.strategy import plan_of
from trainer.rundir import (
    ControlInbox,
    EventLog,
    IndexKeeper,
    RunDirectory,
    RunLock,
    StatusWriter,
    environment,
    told_to,
    write_atomic,
)
from trainer.validation.runner import ValidationRunner

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig


def run(config_path: Path, wish: str = "auto", *, hook: str = "") -> int:
    """Train as ``config_path`` says and return the exit code; ``wish`` is the value of ``--resume``.

    ``hook`` is a program that is told every event, see trainer.rundir.hook.

    Raises WizardError of any kind. What can be known beforehand to be wrong leaves the run directory as it is; what
    happens later is told in it either way.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError("several processes are not supported yet", hint="launch one process")
    loaded = load_config(config_path)
    demand_trainable(loaded.config)
    directory = RunDirectory(Path(loaded.config.output_dir))
    directory.create()
    with RunLock(directory) as lock, StopSignals() as signals:
        directory.remove_leftovers()
        settle_replaced(directory.checkpoints_path)
        fresh = wish == "never" or (wish == "auto" and loaded.config.checkpoints.no_resume)
        moved = _set_aside(loaded.config, directory) if fresh else []
        with EventLog(directory.events_path) as events, StatusWriter(directory) as status, ExitStack() as more:
            reporter = Reporter(events, status)
            more.enter_context(IndexKeeper(directory))
            more.enter_context(told_to(hook, events, reporter.warn))
            more.enter_context(peaks_kept(events, loaded.config, reporter.line))
            for path in moved:
                reporter.warn("set_aside", f"the earlier run's files are now in {path}")
            for note in loaded.notes:
                reporter.warn("config_note", str(note))
            if lock.warning:
                reporter.warn("no_lock", lock.warning)
            return _recorded(loaded, directory, wish, signals, reporter)


def _set_aside(config: LtxTrainerConfig, directory: RunDirectory) -> list[Path]:
    """Make room for a new run, unless that would move the very weights it starts from."""
    start = config.model.load_checkpoint
    if start is not None and Path(start).absolute().is_relative_to(directory.checkpoints_path.absolute()):
        raise ConfigError(
            "the weights to start from lie in the run that would be moved out of the way",
            where="model.load_checkpoint",
            hint="choose another output_dir, or copy the weights elsewhere first",
        )
    return set_aside(directory)


def _recorded(
    loaded: LoadedConfig, directory: RunDirectory, wish: str, signals: StopSignals, reporter: Reporter
) -> int:
    """Run, and whatever becomes of it is the last event."""
    code = EXIT_BUG
    tracker: list[Tracker] = []
    try:
        code = _unless_stopped(loaded, directory, wish, signals, reporter, tracker)
        state = "finished" if code == EXIT_OK else "stopped"
        reporter.status.update(phase=state, eta_s=None)
        reporter.events.append("exit", state=state, code=code, message=reporter.status.status.message)
    except BaseException as error:
        code = error.exit_code if isinstance(error, WizardError) else EXIT_BUG
        message = str(error) or type(error).__name__
        reporter.status.update(phase="failed", error=message, eta_s=None)
        reporter.events.append("exit", state="failed", code=code, message=message)
        raise
    finally:
        for one in tracker:
            one.close(code)
    return code


def _unless_stopped(
    loaded: LoadedConfig,
    directory: RunDirectory,
    wish: str,
    signals: StopSignals,
    reporter: Reporter,
    tracker: list[Tracker],
) -> int:
    """Train; a stop that is asked for while things are read and encoded ends the run before it has begun."""
    try:
        return _with_memory(loaded, directory, wish, signals, reporter, tracker)
    except Interrupted:
        name = "request" if signals.received is None else signals.received.name
        answer_unobeyed(ControlInbox(directory), reporter.events)
        reporter.phase("stopped", f"by {name} before training began; the same command goes on")
        return EXIT_STOPPED if signals.received is None else signals.exit_code


def _with_memory(
    loaded: LoadedConfig,
    directory: RunDirectory,
    wish: str,
    signals: StopSignals,
    reporter: Reporter,
    tracker: list[Tracker],
) -> int:
    """Train; a device too small for the model is the machine's fault and is explained, whenever it shows."""
    try:
        return _train(loaded, directory, wish, signals, reporter, tracker)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        said = str(error)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    raise explain_oom(loaded.config, device, said, during=f"phase {reporter.status.status.phase}")


def _train(
    loaded: LoadedConfig,
    directory: RunDirectory,
    wish: str,
    signals: StopSignals,
    reporter: Reporter,
    tracker: list[Tracker],
) -> int:
    config = loaded.config
    reporter.phase("loading", str(config.output_dir))
    start = find_start_weights(config)
    resumed = find_state(config, directory, wish, start, reporter)
    fingerprint = config_fingerprint(config)
    _announce(config, fingerprint, resumed, reporter)
    write_atomic(directory.config_path, render_yaml(config))
    if resumed is not None and _is_complete(config, directory, resumed):
        reporter.phase("finished", f"step {resumed.state.step} was reached before; raise optimization.steps to go on")
        return EXIT_OK
    # Until training begins there is nothing to save: whatever reports progress ends the run when it is to stop.
    reporter.heed = Heed(signals, directory)
    runner = prepare_validation(config, directory, reporter)
    reporter.phase("caching", "captions through the text connectors")
    prepared = prepare(config, warn=reporter.warn, share=reporter.share)
    if resumed is not None:
        compare_data(resumed, prepared.clips.digest, reporter)
    reporter.heed()
    session = build_session(config, fingerprint, prepared, None if resumed else start, reporter)
    reporter.heed()
    reporter.heed = keep_going
    saver = Saver(directory, session, reporter.events)
    done = Validated(directory, config)
    if resumed is not None:
        _restore(session, resumed, reporter)
        for path in saver.note_existing(resumed.path):
            reporter.warn("abandoned", f"saved after the step that this run goes on from; now {path}")
    else:
        session.progress.step = foreign_start(start, reporter)
    done.forget_after(session.progress.step)
    chosen = start_tracker(config, session.progress.tracker_id, reporter)
    tracker.append(chosen)
    trainer = _assemble(session, prepared, saver, runner, directory, signals, reporter, chosen, done)
    with closing(trainer.batches):
        return trainer.run()


def _announce(config: LtxTrainerConfig, fingerprint: str, resumed: Resumed | None, reporter: Reporter) -> None:
    status = reporter.status.update(total=config.optimization.steps, step=resumed.state.step if resumed else 0)
    reporter.events.append(
        "run",
        run_id=status.run_id,
        host=status.host,
        pid=status.pid,
        version=_version(),
        fingerprint=fingerprint,
        resumed_from=None if resumed is None else str(resumed.path),
        total=config.optimization.steps,
        output_dir=str(config.output_dir),
        environment=environment(_gpus()),
    )
    if resumed is not None:
        reporter.line(f"going on from {resumed.path}")
        for change in resumed.changes:
            reporter.warn("config_changed", f"changed since that save: {describe(change)}")


def _is_complete(config: LtxTrainerConfig, directory: RunDirectory, resumed: Resumed) -> bool:
    """Whether nothing is left to do; a kill between the last state and its export leaves the export."""
    step = resumed.state.step
    return step >= config.optimization.steps and export_path(directory, config, step).is_file()


def _restore(session: Session, resumed: Resumed, reporter: Reporter) -> None:
    for loss in session.restore(resumed.state, resumed.path):
        reporter.warn("state_incomplete", loss)


def prepare_validation(
    config: LtxTrainerConfig, directory: RunDirectory, reporter: Reporter
) -> ValidationRunner | None:
    """The validation runner with its prompts encoded; None when nothing is to be sampled."""
    if not config.validation.samples or config.validation.interval is None:
        return None
    reporter.phase("caching", "validation prompts")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    files = resolve_model_files(config.model)
    plan = plan_of(config.training_strategy)
    held = Modalities(video=plan.video is not None, audio=plan.audio is not None)
    runner = ValidationRunner(config, files, device, compute_dtype(config), directory, reporter.events, modalities=held)
    runner.prepare(lambda message: reporter.told("caching", message))
    return runner


def _held_out(session: Session, prepared: Prepared) -> HeldOutLoss | None:
    if prepared.held_out is None:
        return None
    engine, seed = session.engine, session.config.validation.seed
    return HeldOutLoss(prepared.held_out, engine.strategy, engine.model, engine.accelerator, seed)


def _assemble(
    session: Session,
    prepared: Prepared,
    saver: Saver,
    runner: ValidationRunner | None,
    directory: RunDirectory,
    signals: StopSignals,
    reporter: Reporter,
    tracker: Tracker,
    done: Validated,
) -> Trainer:
    config, accelerator = session.config, prepared.accelerator
    validator = Validator(
        runner,
        session.transformer,
        session.engine.optimizer,
        reporter,
        tracker,
        offload_optimizer=config.acceleration.offload_optimizer_during_validation,
        held_out=_held_out(session, prepared),
        loss_interval=config.validation.loss_interval,
        done=done,
    )
    desk = Desk(
        inbox=ControlInbox(directory),
        events=reporter.events,
        learning_rate=session.learning_rate,
        checkpoint_interval=config.checkpoints.interval,
        validation_interval=config.validation.interval,
        can_validate=runner is not None,
    )
    supply = batches(
        prepared.clips,
        prepared.order,
        start=session.progress.batches,
        rank=accelerator.process_index,
        world=accelerator.num_processes,
        workers=config.data.num_dataloader_workers,
        pin=accelerator.device.type == "cuda",
    )
    return Trainer(session, supply, saver, validator, desk, signals, reporter, tracker)


def _gpus() -> list[str]:
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]


def _version() -> str:
    from importlib.metadata import version

    return version("ltx2-wizard")
