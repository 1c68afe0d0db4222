"""Opening the application from a command; the only module of the app that commands import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tui.terminal import prepare_environment

prepare_environment()

if TYPE_CHECKING:
    from textual.screen import Screen


def open_home() -> int:
    """Recent runs, presets, new, edit, monitor."""
    from tui.app.screens.home import HomeScreen

    return _run(HomeScreen())


def open_monitor(folder: Path) -> int:
    """Watch the run in ``folder`` until the user leaves."""
    from tui.app.screens.monitor import MonitorScreen
    from tui.recent import recent

    recent().remember("runs", folder)
    return _run(MonitorScreen(folder))


def _run(screen: Screen[None]) -> int:
    from tui.app.app import WizardApp

    app = WizardApp(screen)
    code = app.run()
    if app.failure is not None:
        raise app.failure
    return code or 0
