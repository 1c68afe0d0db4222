"""Going on with a run from its own directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import UsageError
from trainer.rundir.layout import RunDirectory
from trainer.rundir.runs import summarize
from tui.overview import ALIVE

if TYPE_CHECKING:
    from tui.checking import Checked


def check_resumable(folder: Path) -> Checked:
    """The run's configuration with what the preflight says of it now.

    Raises UsageError when the run is going on, has finished, or names another directory than its own; ConfigError when
    its configuration cannot be read.
    """
    from tui.checking import check_file

    state = summarize(folder).state
    if state in ALIVE:
        raise UsageError(f"{folder} is {state} already", hint="watch it with `ltx2-wizard monitor`")
    path = RunDirectory(folder).config_path
    if not path.is_file():
        raise UsageError(f"{folder} holds no configuration", why="it ended before it had written one")
    checked = check_file(path)
    output = Path(checked.config.output_dir)
    if output.resolve() != folder.resolve():
        hint = "start `ltx2-wizard train` in the folder it was started in" if not output.is_absolute() else ""
        raise UsageError(f"the configuration of {folder} writes to {output}", why="it is not the same place", hint=hint)
    if state == "finished":
        hint = "raise optimization.steps in its configuration to go on"
        raise UsageError(f"{folder} has reached its last step", hint=hint)
    return checked
