"""Writing only the changed cells of a line.

Textual 8.2 repaints a dirty span from the left edge of its widget, because it crops a line only on the right. Over a
slow line that is most of the bytes of an update. ``SpanUpdate`` crops on both sides; everything else is Textual's.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate
from typing_extensions import override


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
