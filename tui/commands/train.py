"""``train``: check, start the trainer as a process of its own, and show what it reports."""

from __future__ import annotations

from pathlib import Path

import click

from schemas.errors import EXIT_OK, UsageError
from tui.catalog import COMMANDS


@click.command("train", help=COMMANDS["train"] + "\n\nThe trainer outlives the terminal; its exit code is this one's.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--detach", is_flag=True, help="Return as soon as the trainer is started.")
@click.option("--monitor", is_flag=True, help="Open the monitor instead of printing progress lines.")
@click.option(
    "--resume",
    default="auto",
    show_default=True,
    metavar="auto|never|PATH",
    help="Continue the run in output_dir, begin anew, or continue from a checkpoint.",
)
@click.option(
    "--num-processes", type=click.IntRange(min=1), default=1, show_default=True, help="Processes (GPUs) on this host."
)
@click.option("--gpu", "--gpus", "gpu", metavar="N", help="The card to train on, as nvidia-smi counts; or its name.")
@click.option(
    "--on-event",
    default="",
    metavar="CMD",
    help="Run CMD for every event but metrics, with the event as JSON on its standard input; never by a shell.",
)
def command(
    file: Path, detach: bool, monitor: bool, resume: str, num_processes: int, gpu: str | None, on_event: str
) -> int:
    from trainer.rundir.hook import parse_hook

    if on_event:
        parse_hook(on_event)
    if num_processes > 1:
        raise UsageError("--num-processes: several processes are not supported yet", hint="train on one card")
    if detach and monitor:
        raise UsageError("--detach and --monitor exclude each other", hint="use `ltx2-wizard monitor RUN` later")
    if monitor:
        from tui.terminal import require_drawing

        require_drawing("leave --monitor out, or use --detach")
    if resume not in {"auto", "never"} and not Path(resume).exists():
        raise UsageError(f"--resume {resume}: no such checkpoint", hint="auto, never, or an existing path")
    return _train(file, detach=detach, monitor=monitor, resume=resume, gpu=gpu, on_event=on_event)


def _train(file: Path, *, detach: bool, monitor: bool, resume: str, gpu: str | None, on_event: str) -> int:
    from trainer.rundir.layout import RunDirectory
    from tui.checking import check_file
    from tui.follow import Follower, how_to_watch
    from tui.launch import gpu_environment, start_trainer, trainer_command
    from tui.recent import recent

    environment = gpu_environment(gpu)
    checked = check_file(file)
    for line in checked.lines():
        click.echo(line, err=True)
    if not checked.report.ok:
        return checked.report.exit_code
    run = RunDirectory(Path(checked.config.output_dir))
    follower = Follower(run)
    arguments = trainer_command(file, resume=resume, processes=1, on_event=on_event)
    process = start_trainer(arguments, run, environment=environment)
    recent().remember("configs", file)
    recent().remember("runs", run.path)
    if detach:
        click.echo(f"Started process {process.pid} in {run.path}. {how_to_watch(run)}")
        return EXIT_OK
    if monitor:
        from tui.app.entry import open_monitor

        open_monitor(run.path, ended=process.poll)
        if process.poll() is None:
            click.echo(f"The trainer goes on. {how_to_watch(run)}")
            return EXIT_OK
    return follower.follow(process)
