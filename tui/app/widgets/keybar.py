"""The footer: as many keys of the current contexts as fit on one line. A click on a key presses it."""

from __future__ import annotations

from textual import events

from tui.app.keys import Key, keys_of
from tui.app.typing import perform
from tui.app.widgets.lines import LineView
from tui.text import Line, width_of


class KeyLine(LineView):
    """One line made from the key table: the keys of a dialog."""

    DEFAULT_CSS = """
    KeyLine { height: 1; }
    """

    def __init__(self, *contexts: str, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._contexts = contexts
        self._lead: tuple[str, ...] = ()
        self._without: tuple[str, ...] = ()
        self._keys: list[Key] = []

    def on_mount(self) -> None:
        self._fill()

    def on_resize(self) -> None:
        self._fill()

    def lead(self, *contexts: str) -> None:
        """Put the keys of other contexts right behind the first key; what they name is not named twice."""
        self._lead = contexts
        self._fill()

    def leave_out(self, *actions: str) -> None:
        """Name no keys of these actions: there is nothing for them to act on."""
        self._without = actions
        self._fill()

    def always(self) -> list[Key]:
        """Keys that are shown whatever the room."""
        return []

    async def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        right = 0
        for key in self._keys:
            right += width_of(_spans(key))
            if event.x < right:
                await perform(self, key.action)
                return

    def _fill(self) -> None:
        own = keys_of(*self._contexts)
        keys = [*own[:1], *keys_of(*self._lead), *own[1:]]
        keys = [key for key in keys if key.action not in self._without]
        named = {key.label: key for key in reversed(keys)}
        wanted = [key for key in keys if named[key.label] is key]
        self._keys = fitting(wanted, self.always(), self.size.width or 80)
        self.set_lines([tuple(span for key in self._keys for span in _spans(key))])


class KeyBar(KeyLine):
    """The keys of a screen at its lower edge, and those that work everywhere."""

    DEFAULT_CSS = """
    KeyBar { dock: bottom; background: $panel; }
    """

    def __init__(self, *contexts: str) -> None:
        super().__init__(*contexts, id="keybar")

    def always(self) -> list[Key]:
        return [key for key in keys_of("app") if key.footer]


def fitting(keys: list[Key], always: list[Key], width: int) -> list[Key]:
    """The footer keys among ``keys`` that fit, those in ``always`` last and first to be kept."""
    room = width - sum(width_of(_spans(key)) for key in always)
    chosen: list[Key] = []
    for key in [key for key in keys if key.footer]:
        room -= width_of(_spans(key))
        if room < 0:
            break
        chosen.append(key)
    return [*chosen, *always]


def fit_keys(keys: list[Key], always: list[Key], width: int) -> Line:
    """The same as one line of text."""
    return tuple(span for key in fitting(keys, always, width) for span in _spans(key))


def _spans(key: Key) -> Line:
    return ((f" {key.display}", "key"), (f" {key.label} ", "text"))
