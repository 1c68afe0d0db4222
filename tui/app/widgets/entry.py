"""Typing: inputs of the house that neither blink nor mix up keys that arrive together."""

from __future__ import annotations

from textual import events
from textual.screen import ModalScreen, ScreenResultType
from textual.widget import Widget
from textual.widgets import Input, TextArea


async def take_own_key(box: Widget, event: events.Key) -> None:
    """Run an input's own key where it arrives.

    Textual inserts letters in the input but lets keys such as Backspace travel up to the application first. Keys that
    arrive in one packet, as they do over a slow line, then change places: ``Backspace Backspace 1`` after ``32`` gives
    ``3``. Here everything the input knows is done at once and in order.
    """
    if event.is_printable:
        return
    for binding in box._bindings.key_to_bindings.get(event.key, ()):
        if await box.app.run_action(binding.action, box):
            event.stop()
            event.prevent_default()
            return


class Entry(Input):
    """One line of text with a steady cursor; a blinking one sends bytes for ever."""

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(value, placeholder=placeholder, id=id, select_on_focus=False)
        self.cursor_blink = False
        self.cursor_position = len(value)

    async def on_key(self, event: events.Key) -> None:
        await take_own_key(self, event)


class Area(TextArea):
    """Several lines of text with a steady cursor, which starts at the end."""

    def __init__(self, text: str) -> None:
        super().__init__(text, soft_wrap=True, show_line_numbers=False)
        self.cursor_blink = False
        self.move_cursor(self.document.end)

    async def on_key(self, event: events.Key) -> None:
        await take_own_key(self, event)


class TypeAhead(ModalScreen[ScreenResultType]):
    """A dialog whose input gets the keys that were typed before it had the focus."""

    def on_key(self, event: events.Key) -> None:
        if self.focused is not None:
            return
        for box in self.query("Entry, Area"):
            if event.is_printable or event.key in box._bindings.key_to_bindings:
                event.stop()
                event.prevent_default()
                box.post_message(events.Key(event.key, event.character))
