"""Keys that arrive together are taken in order.

Textual inserts letters where the focus is, but lets every bound key travel up to the application before it acts. Keys
that arrive in one packet, as they do over a slow line, then change places or miss their target: ``Backspace Backspace
1`` after ``32`` gives ``3``, and of ``/rank`` only the slash reaches the search. The widgets of this program act on
their keys where these arrive, and hand on what was typed ahead for whatever has the focus by then.
"""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.widget import Widget


def own_keys(kind: type[Widget]) -> frozenset[str]:
    """The keys that a class of widgets declares itself, without those that every widget inherits for scrolling."""
    bindings = [binding if isinstance(binding, Binding) else Binding(*binding) for binding in kind.BINDINGS]
    return frozenset(key for binding in bindings for key in binding.key.split(","))


async def act_here(event: events.Key, *owners: Widget | App[Any]) -> bool:
    """Run the first binding that one of ``owners`` has for a key, now; whether there was one."""
    for owner in owners:
        for binding in owner._bindings.key_to_bindings.get(event.key, ()):
            if await owner.app.run_action(binding.action, owner):
                event.stop()
                event.prevent_default()
                return True
    return False


def hand_on(event: events.Key, target: Widget) -> None:
    """Give a key to another widget as if it had been typed there."""
    event.stop()
    event.prevent_default()
    target._forward_event(events.Key(event.key, event.character))


async def perform(widget: Widget, action: str) -> bool:
    """Do what a key of the table does, for whoever has it: the focused widget, the screen or the application."""
    screen = widget.app.screen
    name = action.partition("(")[0]
    for owner in (screen.focused, screen, widget.app):
        if owner is not None and callable(getattr(owner, f"action_{name}", None)):
            return await widget.app.run_action(action, owner)
    return False
