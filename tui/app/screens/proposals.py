"""Ways to make a run fit, to choose one from: each with what it changes and what it costs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from presets.memory import GIB, Proposal
from tui.app.keys import bindings, keys_of
from tui.app.present import after_refresh
from tui.app.widgets.keybar import fit_keys
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.text import Line, fit


class ProposalScreen(ModalScreen[Proposal]):
    """Dismissed with the proposal to apply, or None."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("proposals", "list")
    AUTO_FOCUS = "#proposals"
    BINDINGS: ClassVar[list[BindingType]] = bindings("proposals")
    DEFAULT_CSS = """
    ProposalScreen {
        .dialog { height: 90%; width: 110; max-width: 100%; }
        #proposals { height: auto; max-height: 8; }
        #detail { height: 1fr; margin-top: 1; }
    }
    """

    def __init__(self, title: str, found: Sequence[Proposal]) -> None:
        super().__init__()
        self._title = title
        self._found = list(found)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield LineView([((self._title, "title"),)])
            yield RowList(id="proposals")
            yield LineView([()], id="detail")
            yield LineView([fit_keys(keys_of("proposals"), [], 70)])

    def on_mount(self) -> None:
        self.query_one(RowList).show(len(self._found), self._line, cursor=0)
        self._describe()

    def on_resize(self) -> None:
        after_refresh(self, self._describe)

    def on_row_list_moved(self) -> None:
        self._describe()

    def on_row_list_chosen(self) -> None:
        self.action_accept()

    def _line(self, index: int, width: int, current: bool) -> Line:
        style = "cursor" if current else "text" if self._found[index].fits else "bad"
        return ((fit(f" {headline(self._found[index])}", width), style),)

    def _describe(self) -> None:
        cursor, detail = self.query_one(RowList).cursor, self.query_one("#detail", LineView)
        if cursor is not None:
            detail.set_lines(detail_lines(self._found[cursor], max(20, detail.size.width or 70)))

    def action_accept(self) -> None:
        cursor = self.query_one(RowList).cursor
        self.dismiss(self._found[cursor] if cursor is not None else None)

    def action_cancel(self) -> None:
        self.dismiss(None)


def headline(proposal: Proposal) -> str:
    """Memory, time and number of changes on one line."""
    pace = "as fast" if abs(proposal.slowdown - 1) < 0.005 else f"{proposal.slowdown:.2f} x the time"
    count = len(proposal.changes)
    changes = "as it is" if not count else f"{count} {'change' if count == 1 else 'changes'}"
    return f"{proposal.peak_bytes / GIB:5.1f} GB  {pace:<17}{changes}{'' if proposal.fits else '  (too much still)'}"


def detail_lines(proposal: Proposal, width: int) -> list[Line]:
    """The changes one by one, and what they do to the result."""
    lines: list[Line] = []
    for change in proposal.changes:
        lines.append(((fit(f"{change.path} = {json.dumps(change.value)}", width).rstrip(), "strong"),))
        lines += [((f"    {part}", "dim"),) for part in textwrap.wrap(change.why, width - 4)]
    lines += [((part, "text"),) for part in textwrap.wrap(f"quality: {proposal.quality}", width)]
    lines.append(((f"host memory {proposal.host_bytes / GIB:.1f} GB", "text"),))
    return lines
