"""What the home screen opens: each function loads what it needs, and says what cannot be opened."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from textual.app import App

from schemas.errors import ConfigError, EnvironmentFault, WizardError
from tui.app.app import WizardApp
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.report import ReportScreen
from tui.app.screens.value import ValueScreen
from tui.drafts import DraftStore, Unsaved, reopen
from tui.recent import recent


def open_guide(app: App[int], *, vram: float | None = None, path: Path | None = None) -> None:
    """A new configuration step by step."""
    from tui.app.screens.goal import GoalScreen
    from tui.guide.guide import Guide

    app.push_screen(GoalScreen(Guide.new(vram=vram, path=path)))


def open_preset(app: App[int]) -> None:
    """A new configuration from a preset that is chosen from a list."""
    from tui.app.screens.presets import choose_preset
    from tui.app.screens.wizard import WizardScreen
    from tui.forms.draft import Draft

    def chosen(draft: Draft | None) -> None:
        if draft is not None:
            app.push_screen(WizardScreen(draft))

    choose_preset(app, chosen)


def edit_file(app: App[int], path: Path, *, guided: bool = False) -> None:
    """The wizard, or the guide, on an existing file."""
    from tui.app.screens.wizard import WizardScreen
    from tui.forms.opening import open_draft

    try:
        draft, notes = open_draft(path)
    except WizardError as error:
        app.push_screen(ReportScreen("This file cannot be opened", str(error).splitlines()))
        return
    recent().remember("configs", path)
    if guided:
        from tui.app.screens.goal import GoalScreen
        from tui.guide.guide import Guide

        app.push_screen(GoalScreen(Guide(draft)))
    else:
        app.push_screen(WizardScreen(draft, notes=notes))


def duplicate(app: App[int], source: Path) -> None:
    """Ask for a name, copy the file and edit the copy, which gets an output directory of its own."""

    def entered(text: str | None) -> None:
        if text and text.strip():
            _duplicate(app, source, Path(text.strip()).expanduser())

    name = str(source.with_name(f"{source.stem}_copy{source.suffix}"))
    app.push_screen(ValueScreen(f"Copy {source.name} to", name, judge=_judge_new, base=Path()), entered)


def _duplicate(app: App[int], source: Path, copy: Path) -> None:
    from schemas.document import write_text_atomic
    from schemas.reading import read_text
    from tui.app.screens.wizard import WizardScreen
    from tui.forms.opening import open_draft

    try:
        if copy.exists():
            raise ConfigError("exists already", where=copy, hint="choose another name")
        write_text_atomic(copy, read_text(source))
        draft, notes = open_draft(copy)
    except WizardError as error:
        app.push_screen(ReportScreen("This file cannot be copied", str(error).splitlines()))
        return
    recent().remember("configs", copy)
    output = draft.get("output_dir")
    if isinstance(output, str) and draft.set("output_dir", str(Path(output).with_name(copy.stem))):
        notes = (*notes, f"output_dir is now {draft.get('output_dir')}, so that the two runs do not meet")
    app.push_screen(WizardScreen(draft, notes=notes, told=f"This is a copy of {source.name}"))


def resume_draft(app: App[int], unsaved: Unsaved) -> None:
    """A kept draft as it was left: a file in the wizard, a new configuration in the guide."""
    from tui.app.screens.goal import GoalScreen
    from tui.app.screens.wizard import WizardScreen
    from tui.guide.guide import Guide

    try:
        draft = reopen(unsaved)
    except WizardError as error:
        app.push_screen(ReportScreen("The draft cannot be continued", str(error).splitlines()))
        return
    app.push_screen(WizardScreen(draft) if unsaved.edited else GoalScreen(Guide(draft)))
    if isinstance(app, WizardApp):
        app.autosave.adopt(draft, unsaved.kept)


def drop_draft(app: App[int], unsaved: Unsaved, then: Callable[[], None]) -> None:
    """Throw a kept draft away once that is confirmed."""

    def answered(yes: bool | None) -> None:
        if yes:
            DraftStore().drop(unsaved.kept)
            then()

    app.push_screen(ConfirmScreen("Throw this draft away?", unsaved.name), answered)


def watch_run(app: App[int], folder: Path) -> None:
    """The monitor on a run directory."""
    from trainer.rundir.runs import is_run
    from tui.app.screens.monitor import MonitorScreen

    if not is_run(folder):
        app.push_screen(ReportScreen("Nothing to watch", [f"{folder} is not a run directory"]))
        return
    recent().remember("runs", folder)
    app.push_screen(MonitorScreen(folder))


def ask_file(app: App[int], question: str, done: Callable[[Path], None]) -> None:
    """Ask for a configuration file."""

    def entered(text: str | None) -> None:
        if text and text.strip():
            done(Path(text.strip()).expanduser())

    app.push_screen(ValueScreen(question, "", judge=_judge_file, base=Path()), entered)


def ask_run(app: App[int], done: Callable[[Path], None]) -> None:
    """Ask for a run directory."""

    def entered(text: str | None) -> None:
        if text and text.strip():
            done(Path(text.strip()).expanduser())

    question = "Watch which run directory?"
    app.push_screen(ValueScreen(question, "", judge=_judge_run, base=Path(), provider="directory"), entered)


def ask_demo(app: App[int]) -> None:
    """Ask for a folder and run the demo in it, beside the app."""
    from tui.app.screens.working import WorkingScreen
    from tui.jobs import start_job

    def entered(text: str | None) -> None:
        if not text or not text.strip():
            return
        folder = Path(text.strip()).expanduser()
        try:
            job = start_job(f"Demo in {folder}", [sys.executable, "-m", "tui", "demo", str(folder), "--plain"], folder)
        except EnvironmentFault as error:
            app.push_screen(ReportScreen("The demo cannot start", str(error).splitlines()))
            return
        app.push_screen(WorkingScreen(job))

    screen = ValueScreen("Demo: in which folder?", "ltx2-demo", base=Path(), provider="directory",
                         hint="a tiny model, clips, training and samples; some minutes on two cores")  # fmt: skip
    app.push_screen(screen, entered)


def _judge_file(text: str) -> str:
    return "" if Path(text.strip()).expanduser().is_file() else "no such file"


def _judge_new(text: str) -> str:
    path = Path(text.strip()).expanduser()
    if not text.strip():
        return "a name is needed"
    return "this exists already" if path.exists() else ""


def _judge_run(text: str) -> str:
    from trainer.rundir.runs import is_run

    path = Path(text.strip()).expanduser()
    return "" if path.is_dir() and is_run(path) else "not a run directory"
