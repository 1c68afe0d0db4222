"""Styled lines of text as plain data, measured in terminal cells; and foreign text made fit to be shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from rich.cells import cell_len

Span = tuple[str, str]
"""Text and the name of its style, one of STYLES."""
Line = tuple[Span, ...]
Cells = list[Span]
"""One entry per terminal cell; the right half of a wide character is an empty text."""

STYLES: Final = (
    "text",
    "dim",
    "strong",
    "title",
    "accent",
    "good",
    "warn",
    "bad",
    "cursor",
    "band",
    "head",
    "key",
    "name",
)
NEAR: Final = 12
"""Cells: repainting a shorter gap costs less than moving the cursor and setting the colour once more."""
ESCAPES: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)")
"""Terminal escape sequences: CSI, OSC and two-character ones."""


def clean_line(line: str) -> str:
    """A line without escape sequences and control characters, so that it cannot command the terminal."""
    return "".join(char if char.isprintable() else " " for char in ESCAPES.sub("", line))


def changed_spans(old: Line, new: Line) -> list[tuple[int, int]]:
    """First and one past the last cell of each stretch in which two lines differ; near stretches are one."""
    if old == new:
        return []
    before, after = cells_of(old), cells_of(new)
    blank = (" ", "text")
    spans: list[tuple[int, int]] = []
    for x in range(max(len(before), len(after))):
        if (before[x] if x < len(before) else blank) == (after[x] if x < len(after) else blank):
            continue
        # A wide character is repainted whole: its second cell alone cannot be written.
        start, end = max(0, x - 1), x + 2
        if spans and start - spans[-1][1] < NEAR:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


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
