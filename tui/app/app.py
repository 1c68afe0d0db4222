"""The application: what every screen shares. Screens hold the work."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.console import RenderableType
from textual import events
from textual._compositor import ChopsUpdate
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.driver import Driver
from textual.filter import Monochrome, NoColor
from textual.screen import Screen
from typing_extensions import override

from tui.app import palette
from tui.app.display import SpanUpdate, driver
from tui.app.keys import bindings
from tui.app.widgets.lines import LineView
from tui.recent import default_path
from tui.settings import read_setting, remember_setting
from tui.terminal import ascii_only, few_colours

if TYPE_CHECKING:
    from tui.app.autosave import Autosave

LEAVE_SIGNALS: Final = (signal.SIGHUP, signal.SIGTERM)
"""A closed terminal or a polite kill: leave cleanly. Ignoring SIGHUP would spin on the dead terminal's input."""
Opener = Callable[[], Screen[Any]]


class WizardApp(App[int]):
    """Opens one screen first; the value it exits with is the exit code."""

    TITLE = "ltx2-wizard"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")

    def __init__(self, first: Screen[Any] | Opener) -> None:
        """``first`` is a screen, or makes one: then a frame is painted before that work is done."""
        super().__init__()
        self._first = first
        self._ahead: list[events.Key] | None = None if isinstance(first, Screen) else []
        """Keys typed before the first screen was there; None: it is there."""
        self.failure: Exception | None = None
        """The error that ended the application, for the process border to report."""
        self.rescued: list[Path] = []
        """Where unsaved drafts were put when that happened."""
        for name in palette.NAMES:
            self.register_theme(palette.theme(name))
        self.theme = self._wanted_theme()
        if self.no_color:  # Textual would turn colours into greys unless it had started with the terminal's own
            self._filters = [NoColor() if isinstance(each, Monochrome) else each for each in self._filters]

    @cached_property
    def autosave(self) -> Autosave:
        """Keeps unsaved drafts; loaded behind the first paint."""
        from tui.app.autosave import Autosave

        return Autosave(self)

    def compose(self) -> ComposeResult:
        """The frame that is seen until the first screen is there."""
        yield LineView([((" ltx2-wizard", "strong"), ("  fine-tune LTX-2 audio-video models", "dim"))], id="title")

    async def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in LEAVE_SIGNALS:
            loop.add_signal_handler(number, self._hang_up, number)
        if isinstance(self._first, Screen):
            await self.push_screen(self._first)
            self.autosave.begin()
        else:
            self.call_after_refresh(self._open, self._first)

    def on_unmount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in LEAVE_SIGNALS:
            loop.remove_signal_handler(number)
        self.autosave.settle()

    async def _open(self, opener: Opener) -> None:
        """Build the first screen now that something is on the terminal, then take the keys typed meanwhile."""
        await self.push_screen(opener())
        self.screen.call_after_refresh(self._catch_up)

    async def _catch_up(self) -> None:
        while self._ahead:
            await super().on_event(self._ahead.pop(0))
        self._ahead = None
        self.autosave.begin()

    @override
    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and self._ahead is not None and event.key != "ctrl+q":
            self._ahead.append(event)
        else:
            await super().on_event(event)

    # ---------------------------------------------------------------- keys

    def action_leave(self) -> None:
        self.autosave.look()
        self.exit(0)

    def action_repaint(self) -> None:
        self.screen.refresh(repaint=True, layout=True)

    async def action_help(self) -> None:
        from tui.app.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            await self.push_screen(HelpScreen(getattr(self.screen, "CONTEXTS", ("app",))))

    def action_palette(self) -> None:
        """Everything that can be done here, by name."""
        from tui.app.screens.palette import open_palette

        open_palette(self)

    def action_theme(self) -> None:
        """Dark, light, the terminal's own colours; remembered."""
        if self.no_color:
            return
        names = palette.NAMES
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        remember_setting("theme", self.theme)

    def _hang_up(self, number: int) -> None:
        self.autosave.look()
        self.exit(128 + number)

    # ---------------------------------------------------------------- the terminal

    def _wanted_theme(self) -> str:
        """Without colours, or with few, the terminal's own; else what was chosen here last."""
        if self.no_color or few_colours(os.environ):
            return "terminal"
        known = (os.environ.get("LTX2_WIZARD_THEME", ""), read_setting("theme"))
        return next((name for name in known if name in palette.NAMES), palette.NAMES[0])

    @override
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return palette.variables(palette.DARK)

    @override
    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        return driver(found, ascii_only=ascii_only())

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
        if any(hasattr(screen, "draft") for screen in self.screen_stack):
            from tui.forms.rescue import rescue

            self.autosave.look()
            drafts = {id(draft): draft for screen in self.screen_stack if (draft := getattr(screen, "draft", None))}
            paths = [rescue(draft, default_path().parent) for draft in drafts.values()]
            self.rescued = [path for path in paths if path is not None]
        self._close_messages_no_wait()
