"""The application: what every screen shares. Screens hold the work."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import ClassVar, Final

from rich.console import RenderableType
from textual._compositor import ChopsUpdate
from textual.app import App
from textual.binding import BindingType
from textual.screen import Screen
from typing_extensions import override

from tui.app.display import SpanUpdate
from tui.app.keys import bindings
from tui.forms.rescue import rescue
from tui.recent import default_path

LEAVE_SIGNALS: Final = (signal.SIGHUP, signal.SIGTERM)
"""A closed terminal or a polite kill: leave cleanly. Ignoring SIGHUP would spin on the dead terminal's input."""


class WizardApp(App[int]):
    """Opens one screen first; the value it exits with is the exit code."""

    TITLE = "ltx2-wizard"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")

    def __init__(self, first: Screen[None]) -> None:
        super().__init__()
        self._first = first
        self.failure: Exception | None = None
        """The error that ended the application, for the process border to report."""
        self.rescued: list[Path] = []
        """Where unsaved drafts were put when that happened."""

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in LEAVE_SIGNALS:
            loop.add_signal_handler(number, self._hang_up, number)
        self.push_screen(self._first)

    def on_unmount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in LEAVE_SIGNALS:
            loop.remove_signal_handler(number)

    def action_leave(self) -> None:
        self.exit(0)

    def action_repaint(self) -> None:
        self.screen.refresh(repaint=True, layout=True)

    async def action_help(self) -> None:
        from tui.app.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            await self.push_screen(HelpScreen(getattr(self.screen, "CONTEXTS", ("app",))))

    def _hang_up(self, number: int) -> None:
        self.exit(128 + number)

    @override
    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Textual's way to the terminal, with partial repaints cut to what changed."""
        super()._display(screen, SpanUpdate.of(renderable) if isinstance(renderable, ChopsUpdate) else renderable)

    @override
    def _fatal_error(self) -> None:
        """Save drafts, and keep the error for the process border instead of printing a page of local variables.

        This is Textual's own hook for an unhandled error (the version is pinned below 9 and a test holds it).
        """
        self.failure = self._exception if isinstance(self._exception, Exception) else None
        from tui.app.screens.wizard import WizardScreen

        drafts = [screen.draft for screen in self.screen_stack if isinstance(screen, WizardScreen)]
        paths = [rescue(draft, default_path().parent) for draft in drafts]
        self.rescued = [path for path in paths if path is not None]
        self._close_messages_no_wait()
