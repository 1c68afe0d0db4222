"""Opening the application from a command; the only module of the app that commands import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.terminal import prepare_environment

prepare_environment()

if TYPE_CHECKING:
    from textual.screen import Screen


def open_home() -> int:
    """Recent runs, presets, new, edit, monitor."""

    def home() -> Screen[Any]:
        from tui.app.screens.home import HomeScreen

        return HomeScreen()

    return _run(home)


def open_monitor(folder: Path, *, ended: Callable[[], int | None] = lambda: None, until_finished: bool = False) -> int:
    """Watch the run in ``folder`` until the user leaves, or ``until_finished`` and it has ended by itself.

    ``ended`` gives the exit code of a trainer that was started here, once it has ended.
    """
    from tui.recent import recent

    recent().remember("runs", folder)

    def monitor() -> Screen[Any]:
        from tui.app.screens.monitor import MonitorScreen

        return MonitorScreen(folder, ended=ended, until_finished=until_finished)

    return _run(monitor)


def open_new(preset: str | None, *, vram: float | None = None, path: Path | None = None) -> int:
    """The wizard on a new configuration; without a preset the guide."""

    def start() -> Screen[Any]:
        if preset is None:
            from tui.app.screens.goal import GoalScreen
            from tui.guide.guide import Guide

            return GoalScreen(Guide.new(vram=vram, path=path))
        from tui.app.screens.presets import preset_draft
        from tui.app.screens.wizard import WizardScreen

        return WizardScreen(preset_draft(preset, vram=vram, path=path), vram=vram)

    return _run(start)


def open_file(path: Path) -> int:
    """The wizard on an existing file. Raises ConfigError when it is no YAML."""

    def wizard() -> Screen[Any]:
        from tui.app.screens.wizard import WizardScreen
        from tui.forms.opening import open_draft
        from tui.recent import recent

        draft, notes = open_draft(path)
        recent().remember("configs", path)
        return WizardScreen(draft, notes=notes)

    return _run(wizard)


def _run(opener: Callable[[], Screen[Any]]) -> int:
    """Run the application; what ``opener`` needs is loaded when the frame is on the terminal."""
    from tui.app.app import WizardApp

    app = WizardApp(opener)
    code = app.run()
    if app.failure is not None:
        for path in app.rescued:
            app.failure.add_note(f"what you were editing is saved in {path}")
        raise app.failure
    return code or 0
