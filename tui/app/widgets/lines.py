"""Lines of styled text drawn through Textual's line interface, repainting only what changed.

Text here is never markup: a path, a log line or a prompt is shown as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget
from typing_extensions import override

from tui.text import STYLES, Line, changed_spans


class Styled(Widget):
    """Gives a widget the named styles of all line drawing, from one style sheet."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--{name}" for name in STYLES}
    DEFAULT_CSS = """
    Styled {
        .line--text { color: $line-text; }
        .line--dim { color: $line-dim; }
        .line--strong { color: $line-strong; text-style: bold; }
        .line--title { color: $line-title; text-style: bold; }
        .line--accent { color: $line-accent; }
        .line--good { color: $line-good; }
        .line--warn { color: $line-warn; }
        .line--bad { color: $line-bad; text-style: bold; }
        .line--cursor { color: $line-cursor; background: $line-cursor-back; text-style: bold; }
        .line--band { color: $line-band; }
        .line--head { color: $line-head; text-style: underline; }
        .line--key { color: $line-key; text-style: bold; }
        .line--name { color: $line-name; }
        &:ansi {
            .line--dim { text-style: dim; }
            .line--accent { text-style: bold; }
            .line--name { text-style: bold; }
            .line--cursor { text-style: reverse bold; }
        }
    }
    """

    def style_of(self, name: str) -> Style:
        """The terminal style of a named style on this widget's background."""
        return self.get_component_rich_style(f"line--{name}")

    def strip_of(self, line: Line, width: int) -> Strip:
        """``line`` cut or filled up to ``width`` cells."""
        segments = [Segment(text, self.style_of(name)) for text, name in line if text]
        return Strip(segments).adjust_cell_length(width, self.rich_style)


class LineView(Styled):
    """A fixed area of lines; ``set_lines`` repaints the span of each line that differs."""

    DEFAULT_CSS = """
    LineView { height: auto; width: 1fr; }
    """

    def __init__(self, lines: Iterable[Line] = (), *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = list(lines)

    @property
    def lines(self) -> Sequence[Line]:
        """What is shown."""
        return self._lines

    @property
    def plain(self) -> str:
        """What is shown, without styles."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def set_lines(self, lines: Iterable[Line]) -> None:
        """Show other lines. The number of lines that fit is the widget's height; the rest is not drawn."""
        new = list(lines)
        old, self._lines = self._lines, new
        if not self.is_mounted:
            return
        regions = changed_regions(old, new)
        if regions:
            self.refresh(*regions)

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._lines))

    @override
    def render_line(self, y: int) -> Strip:
        return self.strip_of(_at(self._lines, y), self.size.width)


def changed_regions(old: Sequence[Line], new: Sequence[Line]) -> list[Region]:
    """The parts of an area of lines that have to be painted again."""
    return [
        Region(start, y, end - start, 1)
        for y in range(max(len(old), len(new)))
        for start, end in changed_spans(_at(old, y), _at(new, y))
    ]


def _at(lines: Sequence[Line], y: int) -> Line:
    return lines[y] if y < len(lines) else ()
