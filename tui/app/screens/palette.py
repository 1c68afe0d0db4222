"""The command palette: every key's action and, in a form, every field, found by a few letters."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from textual.app import App

from tui.app.keys import Key, keys_of
from tui.app.screens.picker import Option, PickerScreen
from tui.app.typing import perform

HERE_ONLY = ("picker", "dialog", "confirm", "help", "editor", "text")
"""Contexts of dialogs, from which nothing else is reached."""


@runtime_checkable
class Reaches(Protocol):
    """A screen with places of its own to go to."""

    def places(self) -> list[Option]:
        """Options whose value is a path for ``jump``."""
        ...

    def jump(self, path: str) -> None:
        """Go there."""
        ...


def open_palette(app: App[Any]) -> None:
    """Offer what the current screen can do; do what is chosen."""
    screen = app.screen
    contexts = getattr(screen, "CONTEXTS", ())
    if not contexts or contexts[0] in HERE_ONLY:
        return
    options = [Option(key, key.label, f"{key.help}  [{key.display}]") for key in _keys(contexts)]
    if isinstance(screen, Reaches):
        options += screen.places()

    async def chosen(option: Option | None) -> None:
        if option is None:
            return
        if isinstance(option.value, Key):
            await perform(screen, option.value.action)
        elif isinstance(screen, Reaches):
            screen.jump(option.value)

    app.push_screen(PickerScreen("What do you want to do?", options), chosen)


def _keys(contexts: tuple[str, ...]) -> list[Key]:
    wanted = [key for key in keys_of(*contexts, "app") if key.context != "list" and key.action != "palette"]
    return [key for index, key in enumerate(wanted) if key.label not in {other.label for other in wanted[:index]}]
