"""The doctor's report on this machine."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from tui.app.keys import bindings
from tui.app.present import present
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.text import Line, fit

if TYPE_CHECKING:
    from trainer.preflight.doctor import Finding

_STYLES: Final = {"ok": "good", "warn": "warn", "bad": "bad"}
_MARKS: Final = {"ok": "✔", "warn": "!", "bad": "✖"}


class DoctorScreen(Screen[None]):
    """What was found, looked up in a thread since a hanging driver must not hold up the screen."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("doctor", "list")
    AUTO_FOCUS = "#findings"
    BINDINGS: ClassVar[list[BindingType]] = bindings("doctor")

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` is where runs are written; the current one by default."""
        super().__init__()
        self._folder = folder or Path()
        self._findings: tuple[Finding, ...] = ()

    def compose(self) -> ComposeResult:
        yield LineView([((" Doctor", "title"),)], id="title")
        yield RowList(id="findings", cursor=False)
        yield KeyBar("doctor")

    def on_mount(self) -> None:
        self.action_again()

    def on_resize(self) -> None:
        self._draw()

    def action_again(self) -> None:
        self._findings = ()
        self._draw()
        self.run_worker(self._look, thread=True, exclusive=True)

    def _look(self) -> None:
        from trainer.preflight.doctor import examine
        from tui.commands.doctor import terminal

        self.call_later(self._found, (*examine(self._folder), *terminal()))

    def _found(self, findings: tuple[Finding, ...]) -> None:
        if present(self):
            self._findings = findings
            self._draw()

    def _draw(self) -> None:
        lines = finding_lines(self._findings, self.size.width) or [((" looking ...", "dim"),)]
        self.query_one("#findings", RowList).show_lines(lines)

    def action_back(self) -> None:
        self.dismiss(None)


def finding_lines(findings: tuple[Finding, ...], width: int) -> list[Line]:
    """A mark, the topic, the words beside it, the advice below."""
    topic = max((len(one.topic) for one in findings), default=0)
    room = max(20, width - topic - 6)
    lines: list[Line] = []
    for one in findings:
        for index, part in enumerate(textwrap.wrap(one.words, room) or [""]):
            mark = _MARKS[one.state] if index == 0 else " "
            name = one.topic if index == 0 else ""
            lines.append(((f" {mark} ", _STYLES[one.state]), (fit(name, topic) + "  ", "strong"), (part, "text")))
        lines += [((" " * (topic + 5) + part, "dim"),) for part in textwrap.wrap(one.hint, room)]
    return lines
