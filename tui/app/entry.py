"""Opening the application from a command; the only module of the app that commands import."""

from __future__ import annotations

from collections.abc import Callable
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


def open_monitor(folder: Path, *, ended: Callable[[], int | None] = lambda: None, until_finished: bool = False) -> int:
    """Watch the run in ``folder`` until the user leaves, or ``until_finished`` and it has ended by itself.

    ``ended`` gives the exit code of a trainer that was started here, once it has ended.
    """
    from tui.app.screens.monitor import MonitorScreen
    from tui.recent import recent

    recent().remember("runs", folder)
    return _run(MonitorScreen(folder, ended=ended, until_finished=until_finished))


def open_new(preset: str | None, *, vram: float | None = None, path: Path | None = None) -> int:
    """The wizard on a new configuration; asks for the preset when none is given."""
    if preset is None:
        from tui.app.screens.start import StartScreen

        return _run(StartScreen(vram=vram, path=path))
    from tui.app.screens.presets import preset_draft
    from tui.app.screens.wizard import WizardScreen

    return _run(WizardScreen(preset_draft(preset, vram=vram, path=path), vram=vram))


def open_file(path: Path) -> int:
    """The wizard on an existing file. Raises ConfigError when it is no YAML."""
    from tui.app.screens.wizard import WizardScreen, open_draft
    from tui.recent import recent

    draft, notes = open_draft(path)
    recent().remember("configs", path)
    return _run(WizardScreen(draft, notes=notes))


def _run(screen: Screen[None]) -> int:
    from tui.app.app import WizardApp

    app = WizardApp(screen)
    code = app.run()
    if app.failure is not None:
        for path in app.rescued:
            app.failure.add_note(f"what you were editing is saved in {path}")
        raise app.failure
    return code or 0
