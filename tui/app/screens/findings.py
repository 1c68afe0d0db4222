"""Is it going well? Every finding about a run, with its reason and the usual remedy."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.app.keys import bindings
from tui.app.present import after_refresh
from tui.app.widgets.keybar import KeyLine
from tui.app.widgets.rows import RowList
from tui.monitor.verdict import Verdict
from tui.text import Line


class FindingsScreen(ModalScreen[None]):
    """Dismissed with any of the keys that close a help page."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("findings",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("findings")
    DEFAULT_CSS = """
    FindingsScreen { .dialog { height: 70%; width: 92; max-width: 100%; } }
    """

    def __init__(self, findings: Sequence[Verdict]) -> None:
        super().__init__()
        self._findings = findings

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield RowList(id="findings", cursor=False)
            yield KeyLine("findings")

    def on_mount(self) -> None:
        self.on_resize()
        self.query_one(RowList).focus()

    def on_resize(self) -> None:
        after_refresh(self, self._fill)

    def _fill(self) -> None:
        rows = self.query_one(RowList)
        rows.show_lines(finding_lines(self._findings, max(10, rows.size.width - 1)))

    def action_close(self) -> None:
        self.dismiss(None)


def finding_lines(findings: Sequence[Verdict], width: int) -> list[Line]:
    """The findings as wrapped lines."""
    lines: list[Line] = []
    for finding in findings:
        lines += [
            ((text, finding.style if finding.style != "text" else "strong"),) for text in _wrapped(finding.words, width)
        ]
        lines += [((text, "text"),) for text in _wrapped(finding.reason, width)]
        lines += [((text, "accent"),) for text in _wrapped(finding.remedy, width)]
        lines.append(())
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width) if text else []
