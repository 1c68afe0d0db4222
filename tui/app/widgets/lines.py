"""Lines of styled text drawn through Textual's line interface, repainting only what changed.

Text here is never markup: a path, a log line or a prompt is shown as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget
from typing_extensions import override

Span = tuple[str, str]
"""Text and the name of its style (see STYLES)."""
Line = tuple[Span, ...]
Cells = list[Span]
"""One entry per terminal cell; the right half of a wide character is an empty text."""

STYLES: Final = ("text", "dim", "strong", "title", "accent", "good", "warn", "bad", "cursor", "band", "head", "key")


class Styled(Widget):
    """Gives a widget the named styles of all line drawing, from one style sheet."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"line--{name}" for name in STYLES}
    DEFAULT_CSS = """
    Styled {
        .line--text { color: $foreground; }
        .line--dim { color: $foreground 60%; }
        .line--strong { color: $foreground; text-style: bold; }
        .line--title { color: $secondary; text-style: bold; }
        .line--accent { color: $accent; }
        .line--good { color: $success; }
        .line--warn { color: $warning; }
        .line--bad { color: $error; text-style: bold; }
        .line--cursor { color: $foreground; background: $primary; text-style: bold; }
        .line--band { color: $primary; }
        .line--head { color: $foreground 60%; text-style: underline; }
        .line--key { color: $accent; text-style: bold; }
        &:ansi {
            .line--dim { color: ansi_default; text-style: dim; }
            .line--head { color: ansi_default; text-style: underline; }
            .line--cursor { color: ansi_default; background: ansi_default; text-style: reverse bold; }
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
        regions = [
            Region(start, y, end - start, 1)
            for y in range(max(len(old), len(new)))
            if (span := changed_span(_at(old, y), _at(new, y)))
            for start, end in (span,)
        ]
        if regions:
            self.refresh(*regions)

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._lines))

    @override
    def render_line(self, y: int) -> Strip:
        return self.strip_of(_at(self._lines, y), self.size.width)


def _at(lines: Sequence[Line], y: int) -> Line:
    return lines[y] if y < len(lines) else ()


def changed_span(old: Line, new: Line) -> tuple[int, int] | None:
    """First and one past the last cell in which two lines differ; None when they look the same."""
    if old == new:
        return None
    before, after = cells_of(old), cells_of(new)
    length = max(len(before), len(after))
    blank = (" ", "text")
    pairs = [(before[x] if x < len(before) else blank, after[x] if x < len(after) else blank) for x in range(length)]
    different = [x for x, (left, right) in enumerate(pairs) if left != right]
    if not different:
        return None
    # A wide character is repainted whole: its second cell alone cannot be written.
    return max(0, different[0] - 1), different[-1] + 2


@lru_cache(maxsize=512)
def _cached_cells(line: Line) -> tuple[Span, ...]:
    cells: Cells = []
    for text, style in line:
        for char in text:
            width = cell_len(char)
            if width == 0 and cells:
                cells[-1] = (cells[-1][0] + char, cells[-1][1])
            else:
                cells.append((char, style))
                cells.extend([("", style)] * (width - 1))
    return tuple(cells)


def cells_of(line: Line) -> Sequence[Span]:
    """A line as terminal cells."""
    return _cached_cells(line)


def width_of(line: Line) -> int:
    """Cells a line takes."""
    return sum(cell_len(text) for text, _ in line)


def fit(text: str, width: int, *, keep_end: bool = False) -> str:
    """``text`` on one line in exactly ``width`` cells, with an ellipsis where something is missing."""
    text = text.replace("\n", "⏎").expandtabs(2)
    length = cell_len(text)
    if length <= width:
        return text + " " * (width - length)
    if width <= 1:
        return "…"[:width]
    kept = ""
    for char in reversed(text) if keep_end else text:
        if cell_len(kept) + cell_len(char) > width - 1:
            break
        kept = char + kept if keep_end else kept + char
    cut = "…" + kept if keep_end else kept + "…"
    return cut + " " * (width - cell_len(cut))
