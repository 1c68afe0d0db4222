"""The one table of keys: what each does, where, and under which name. Bindings, footer and help are read from it."""

from __future__ import annotations

from typing import Final

from textual.binding import Binding, BindingType

from tui.app.keytable import common, guide, home, monitor, runs, screens, wizard
from tui.app.keytable.key import Key

_PARTS: Final = (common, home, monitor, runs, wizard, guide, screens)
KEYS: Final[tuple[Key, ...]] = tuple(key for part in _PARTS for key in part.KEYS)
"""Every key of the program, grouped by context."""
TITLES: Final[dict[str, str]] = {context: title for part in _PARTS for context, title in part.TITLES.items()}
"""The headings of the contexts on the help screen."""

__all__ = ["KEYS", "TITLES", "Key", "bindings", "keys_of"]


def keys_of(*contexts: str) -> list[Key]:
    """The keys of some contexts in table order."""
    return [key for context in contexts for key in KEYS if key.context == context]


def bindings(*contexts: str) -> list[BindingType]:
    """Textual bindings for the keys of some contexts.

    None has priority: a key with priority would overtake keys typed before it that an input has still to take in.
    """
    return [Binding(key.keys, key.action, key.label, show=False, id=key.id) for key in keys_of(*contexts)]
