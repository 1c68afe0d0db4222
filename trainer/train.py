"""``python -m trainer.train CONFIG [--resume auto|never|PATH] [--on-event CMD]``: one training run in this process."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from schemas.errors import WizardError
from trainer.process import run_main


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and train; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trainer.train", description="Train from a configuration file.")
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument(
        "--resume",
        default="auto",
        metavar="auto|never|PATH",
        help="auto continues the run in output_dir, never starts anew, PATH goes on from that training state",
    )
    parser.add_argument(
        "--on-event", default="", metavar="CMD", help="a program that gets every event as JSON on its standard input"
    )
    options = parser.parse_args(arguments)

    def train() -> int:
        from trainer.loop.run import run

        return run(options.config, options.resume, hook=options.on_event)

    return run_main(train, crash_folder=lambda: run_folder(options.config))


def run_folder(config: Path) -> Path:
    """The run directory that a configuration names; the working directory when it cannot be read."""
    from schemas import load_config

    try:
        return Path(load_config(config).config.output_dir)
    except WizardError:
        return Path.cwd()


if __name__ == "__main__":
    sys.exit(main())
