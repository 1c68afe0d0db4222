"""Typing: inputs of the house, which neither blink nor mix up keys that arrive together."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from textual import events
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Input, TextArea

from tui.app.typing import act_here, hand_on, own_keys


@runtime_checkable
class TakesEnter(Protocol):
    """A screen that acts on Enter in its line of text at once; others get Textual's message a little later."""

    def entered(self) -> None:
        """Enter was typed."""
        ...


class Entry(Input):
    """One line of text with a steady cursor; a blinking one sends bytes for ever."""

    OWN_KEYS = own_keys(Input)

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(value, placeholder=placeholder, id=id, select_on_focus=False)
        self.cursor_blink = False
        self.cursor_position = len(value)
        self._entered = False
        """Whether Enter was the last thing typed here, and other widgets get what follows."""

    async def on_key(self, event: events.Key) -> None:
        """Act now, on keys of the dialog too: behind what was typed before and ahead of what comes after."""
        focused = self.app.screen.focused
        if self._entered and focused is not self:
            hand_on(event, focused or self.app.screen)
        elif event.key == "enter" and isinstance(self.screen, TakesEnter):
            event.stop()
            event.prevent_default()
            self._entered = True
            self.screen.entered()
        elif not event.is_printable:
            await act_here(event, *((self,) if event.key in self.OWN_KEYS else (self.screen, self.app)))

    def on_focus(self) -> None:
        self._entered = False


class Area(TextArea):
    """Several lines of text with a steady cursor, which starts at the end."""

    OWN_KEYS = own_keys(TextArea) | {"enter"}

    def __init__(self, text: str) -> None:
        super().__init__(text, soft_wrap=True, show_line_numbers=False)
        self.cursor_blink = False
        self.move_cursor(self.document.end)

    async def on_key(self, event: events.Key) -> None:
        if not event.is_printable:
            await act_here(event, *((self,) if event.key in self.OWN_KEYS else (self.screen, self.app)))


class TypeAhead(ModalScreen[ScreenResultType]):
    """A dialog whose input gets the keys that were typed before it had the focus.

    An input keeps every key it knows to itself, so one that arrives here has never been there.
    """

    def action_next(self, step: int) -> None:
        """The next suggestion, where there are any."""

    def on_key(self, event: events.Key) -> None:
        for box in [*self.query(Entry), *self.query(Area)]:
            if event.is_printable or event.key in box.OWN_KEYS:
                hand_on(event, box)
