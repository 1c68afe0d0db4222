"""Facts about files below a property grid: what a step of the guide knows beside its fields."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from tui.app.widgets.lines import LineView
from tui.text import Line, clean_line

SMALL = 20
"""Below this height of a screen there is room for facts or for documentation, not for both."""


class FactsPane(LineView):
    """Wrapped lines; errors and warnings in their styles. As high as they are, up to a limit."""

    DEFAULT_CSS = """
    FactsPane { height: auto; max-height: 9; border-top: solid $rule; padding: 0 1; }
    """

    def show_facts(self, facts: Iterable[str], width: int) -> None:
        """Show other facts, wrapped to ``width``. Names of files are shown as they are, never as escape codes."""
        self.set_lines(list(_wrapped(facts, max(20, width - 2))))
        self.refresh(layout=True)


def _wrapped(facts: Iterable[str], width: int) -> Iterable[Line]:
    style = "text"
    for fact in facts:
        text = clean_line(fact)
        kind, colon, rest = text.partition(": ")
        if kind in ("error", "warning") and colon:
            style, text = ("bad", f"✖ {rest}") if kind == "error" else ("warn", f"! {rest}")
        elif not text.startswith("  "):
            style = "text"
        shown = "warn" if style == "bad" and text.startswith("  ") else style
        for part in textwrap.wrap(text, width, subsequent_indent="    ", break_on_hyphens=False) or [""]:
            yield ((part, shown),)
