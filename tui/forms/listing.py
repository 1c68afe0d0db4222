"""The list of completions under a path that is being typed: what is shown, and what is marked."""

from __future__ import annotations

from dataclasses import dataclass

from tui.text import Line, clean_line, fit


@dataclass(slots=True)
class Listing:
    """Completions of one typed text."""

    found: list[str]
    marked: int | None = None

    def move(self, step: int) -> None:
        """Mark the next or previous one; above the first nothing is marked."""
        if not self.found:
            return
        place = (-1 if self.marked is None else self.marked) + step
        self.marked = None if place < 0 else min(place, len(self.found) - 1)

    @property
    def chosen(self) -> str | None:
        return None if self.marked is None else self.found[self.marked]

    def first(self, height: int) -> int:
        """The first one in sight, so that the marked one is."""
        room = max(1, height - 1)
        return max(0, min((self.marked or 0) - room // 2, len(self.found) - room))

    def lines(self, height: int, width: int) -> list[Line]:
        """As many as fit, then how many more there are."""
        if not self.found:
            return [(("  no such file or directory here", "dim"),)]
        first = self.first(height)
        room = height if len(self.found) <= height else height - 1
        first = first if len(self.found) > height else 0
        lines: list[Line] = [
            ((fit(f"  {clean_line(name)}", width, keep_end=True), "cursor" if index == self.marked else "text"),)
            for index, name in list(enumerate(self.found))[first : first + room]
        ]
        if len(self.found) > height:
            lines.append(((f"  {len(self.found)} in all; ↓ marks one, Tab takes it", "dim"),))
        return lines[:height]
