"""Helpers of the stories told through Textual's pilot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.screen import Screen

from tui.app.app import WizardApp
from tui.app.screens.wizard import WizardScreen
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList


def app(screen: Screen[Any]) -> WizardApp:
    """The application as a command opens it."""
    return WizardApp(screen)


async def until(pilot: Pilot[Any], condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something holds; a busy machine only makes this slower, never wrong."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it never came to pass"
        await pilot.pause(0.02)
    await pilot.pause()


SPELLED = {"enter": "\r", "tab": "\t", "colon": ":", "slash": "/", "space": " "}
"""Characters that come with keys which have names."""


async def type_ahead(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys as they come over a slow line, all in one packet, and wait once: much quicker than one by one."""
    for key in keys:
        single = len(key) == 1
        name, character = (_character_to_key(key), key) if single else (key, SPELLED.get(key))
        pilot.app.post_message(events.Key(name, character))
    await pilot.pause()


def shown(pilot: Pilot[Any], selector: str = "") -> str:
    """The text of the current screen, or of one widget on it, as a person reads it."""
    if selector:
        widget = pilot.app.screen.query_one(selector)
        if isinstance(widget, LineView):
            return widget.plain
        if isinstance(widget, RowList):
            return "\n".join(widget.render_line(y).text for y in range(widget.size.height))
    compositor = pilot.app.screen._compositor
    return "\n".join(strip.text for strip in compositor.render_strips())


async def go(pilot: Pilot[Any], path: str) -> None:
    """Put the wizard's cursor on a field."""
    screen = pilot.app.screen
    assert isinstance(screen, WizardScreen)
    screen.refresh_rows(path)
    await pilot.pause()
    row = screen.view.row_at(screen.grid.cursor)
    assert row is not None
    assert row.path == path
