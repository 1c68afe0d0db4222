"""What goes to the terminal, and no more: only the changed cells of a line, styles only where they change.

Textual 8.2 repaints a dirty span from the left edge of its widget, because it crops a line only on the right. Over a
slow line that is most of the bytes of an update. ``SpanUpdate`` crops on both sides; everything else is Textual's.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate
from textual.driver import Driver
from typing_extensions import override

from tui.app.glyphs import plain_signs
from tui.app.ink import economical


class SpanUpdate(ChopsUpdate):
    """A partial repaint cut to its spans on the left as well as on the right."""

    @classmethod
    def of(cls, update: ChopsUpdate) -> SpanUpdate:
        """The same update."""
        return cls(update.chops, update.spans, update.chop_ends)

    @override
    def render_segments(self, console: Console) -> str:
        written: list[str] = []
        for y, first, end in self.spans:
            for right, (left, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                start, stop = max(left, first), min(right, end)
                if strip is None or start >= stop:
                    continue
                part = strip if (start, stop) == (left, right) else strip.crop(start - left, stop - left)
                written += [Control.move_to(start, y).segment.text, part.render(console)]
        return "".join(written)


def driver(kind: type[Driver], *, ascii_only: bool) -> type[Driver]:
    """A driver of Textual that writes as little as it can; with ``ascii_only`` letters in place of signs too."""

    class Economical(kind):  # type: ignore[misc, valid-type]
        @override
        def write(self, data: str) -> Any:
            text = economical(data)
            return super().write(plain_signs(text) if ascii_only else text)

    return Economical
