"""Running ``prepare`` beside the app."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from schemas.prepare import PrepareOptions
from tui.jobs import Job, running, start_job
from tui.launch import module_command

MODULE: Final = "trainer.prepare"


def prepare_command(options: PrepareOptions) -> list[str]:
    """The command that prepares."""
    return module_command(MODULE, "--options-json", options.model_dump_json())


def start(options: PrepareOptions) -> Job:
    """Start ``prepare``. Raises EnvironmentFault when it cannot be started."""
    into = options.output_dir or options.dataset_path.expanduser().parent / ".precomputed"
    return start_job(f"Prepare {options.dataset_path}", prepare_command(options), into)


def running_for(root: str | Path) -> Job | None:
    """The preparation whose result ``root`` will hold, while it runs."""
    place = Path(root).expanduser().absolute()
    return next((job for job in running() if place in (job.into.absolute(), job.into.absolute().parent)), None)
