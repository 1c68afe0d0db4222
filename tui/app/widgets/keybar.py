"""The footer: as many keys of the current contexts as fit on one line."""

from __future__ import annotations

from tui.app.keys import Key, keys_of
from tui.app.widgets.lines import LineView
from tui.text import Line, width_of


class KeyBar(LineView):
    """One line made from the key table."""

    DEFAULT_CSS = """
    KeyBar { height: 1; dock: bottom; background: $panel; }
    """

    def __init__(self, *contexts: str) -> None:
        super().__init__(id="keybar")
        self._contexts = contexts
        self._lead: tuple[str, ...] = ()

    def lead(self, *contexts: str) -> None:
        """Put the keys of other contexts right behind the first key; what they name is not named twice."""
        self._lead = contexts
        self.set_lines([self._line()])

    def on_mount(self) -> None:
        self.set_lines([self._line()])

    def on_resize(self) -> None:
        self.set_lines([self._line()])

    def _line(self) -> Line:
        always = [key for key in keys_of("app") if key.footer]
        first, *rest = keys_of(*self._contexts) or [None]
        keys = [key for key in (first, *keys_of(*self._lead), *rest) if key is not None]
        named = {key.label: key for key in reversed(keys)}
        return fit_keys([key for key in keys if named[key.label] is key], always, self.size.width or 80)


def fit_keys(keys: list[Key], always: list[Key], width: int) -> Line:
    """The footer keys among ``keys`` that fit, those in ``always`` last and first to be kept."""
    tail = tuple(span for key in always for span in _spans(key))
    room = width - width_of(tail)
    line: Line = ()
    for key in [key for key in keys if key.footer]:
        spans = _spans(key)
        if width_of(line) + width_of(spans) > room:
            break
        line += spans
    return line + tail


def _spans(key: Key) -> Line:
    return ((f" {key.display}", "key"), (f" {key.label} ", "text"))
