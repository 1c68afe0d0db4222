"""``demo``: see the whole product work on this machine in minutes, with nothing downloaded."""

from __future__ import annotations

from pathlib import Path

import click

from tui.catalog import COMMANDS


@click.command("demo", help=COMMANDS["demo"])
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=Path("ltx2-demo"))
@click.option("--preset", default="t2v_lora", show_default=True, help="The task preset to stage.")
@click.option("--steps", type=click.IntRange(min=1), help="Optimizer steps; 12 suffice to learn.")
@click.option("--seed", type=int, default=42, show_default=True, help="Seed of the training run.")
@click.option("--set", "overrides", multiple=True, metavar="a.b=VALUE", help="Change one more field; repeatable.")
@click.option("--plain", is_flag=True, help="Progress lines even when the terminal could draw the monitor.")
def command(directory: Path, preset: str, steps: int | None, seed: int, overrides: tuple[str, ...], plain: bool) -> int:
    from tui.demo.steps import Demo, DemoOptions

    options = DemoOptions(directory, preset, steps, seed, overrides)
    return Demo(options, say=click.echo, train=lambda config: _train(config, plain=plain)).run()


def _train(config_path: Path, *, plain: bool) -> int:
    """Train in a process of its own; watch it in the monitor, or as lines without a terminal."""
    from schemas import load_config
    from trainer.rundir.layout import RunDirectory
    from tui.follow import Follower
    from tui.launch import Trainer, running_trainer, start_trainer, trainer_command
    from tui.terminal import can_draw

    run = RunDirectory(Path(load_config(config_path).config.output_dir))
    follower = Follower(run)
    process: Trainer | None = running_trainer(run)  # of a demo that was left alone
    if process is None:
        process = start_trainer(trainer_command(config_path, resume="auto", processes=1), run)
    else:
        click.echo(f"      process {process.pid} trains it already; following that one")
    if can_draw() and not plain:
        from tui.app.entry import open_monitor

        open_monitor(run.path, ended=process.poll, until_finished=True)
    return follower.follow(process)
