"""Plain tables for commands that print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]], gap: str = "  ") -> Iterator[str]:
    """Lines of left-aligned columns, each as wide as its widest cell."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        yield gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
