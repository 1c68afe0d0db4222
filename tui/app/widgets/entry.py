"""The one-line input of the house: no blinking, no frame, no markup."""

from __future__ import annotations

from textual.widgets import Input


class Entry(Input):
    """Input with a steady cursor; a blinking one sends bytes for ever."""

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__(value, placeholder=placeholder, id=id, select_on_focus=False)
        self.cursor_blink = False
