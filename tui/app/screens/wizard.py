"""The wizard: a property grid over a draft, one editor at a time, everything judged at every change."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.app.background import in_background
from tui.app.keys import bindings
from tui.app.present import after_refresh, present
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.fieldgrid import FieldGrid
from tui.app.screens.saving import Saver
from tui.app.screens.weighing import Weigher
from tui.app.widgets.entry import Entry
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.forms.draft import Draft
from tui.text import clean_line, fit

if TYPE_CHECKING:
    from presets.memory import Proposal

GIB: Final = 2**30
WIDE: Final = 110
"""From this width on the documentation stands beside the grid."""
TALL: Final = 30
"""From this height on the documentation below the grid gets more lines."""


class WizardScreen(FieldGrid):
    """Every field of the configuration is a row; nothing is ever blocked but training with errors.

    As one step of several, ``WizardScreen(draft, only=("optimization", "flow_matching"), heading="Optimization")``
    shows the fields at and below those paths, and is dismissed without asking: the draft lives on in whoever made it.
    """

    CONTEXTS: ClassVar[tuple[str, ...]] = ("grid", "list")
    AUTO_FOCUS = "#grid"
    BINDINGS: ClassVar[list[BindingType]] = bindings("grid")
    DEFAULT_CSS = """
    WizardScreen {
        #body { height: 1fr; }
        #doc { height: 7; border-top: solid $rule; padding: 0 1; }
        #doc.tall { height: 11; }
        #doc-side { width: 36%; min-width: 46; max-width: 72; height: 1fr; border-left: solid $rule; padding: 0 1; }
        #filter { display: none; }
        #filter.open { display: block; }
    }
    """

    def __init__(
        self,
        draft: Draft,
        *,
        notes: tuple[str, ...] = (),
        told: str = "",
        vram: float | None = None,
        only: tuple[str, ...] = (),
        heading: str = "",
    ) -> None:
        """``vram`` is the card's memory in GB; without it the card of this machine counts.

        ``notes`` say what was read differently from how it was written, and are shown first, under ``told``.
        """
        super().__init__(draft, only=only)
        self._notes, self._told = notes, told
        self._heading = heading
        self._notice = ""
        self._saver = Saver(self)
        self._weigher = Weigher(self, self._draw_title, vram=vram if vram is not None else draft.vram)

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        yield from self.body()
        yield KeyBar("grid")

    def on_mount(self) -> None:
        self.query_one("#filter", Entry).can_focus = False  # hidden until asked for
        self._arrange()
        self.refresh_rows(self.field)
        if self._notes:
            after_refresh(self, self._tell_notes)

    def on_resize(self) -> None:
        self._arrange()
        after_refresh(self, self.describe)

    def on_screen_resume(self) -> None:
        """Another screen may have worked on the same draft."""
        if self.grid.count:
            self.refresh_rows()

    def _tell_notes(self) -> None:
        from tui.app.screens.report import ReportScreen

        count = len(self._notes)
        lines = [
            *self._notes,
            "",
            "Comments and order stay as they are. Nothing is written before you save; u shows the keys as written.",
        ]
        title = self._told or f"{count} {'key' if count == 1 else 'keys'} read from an older spelling"
        self.app.push_screen(ReportScreen(title, lines))

    # ---------------------------------------------------------------- drawing

    def refresh_rows(self, path: str | None = None) -> None:
        super().refresh_rows(path)
        self._draw_title()
        self._weigher.look(self.draft.data)

    def tell(self, notice: str) -> None:
        """Say something on the title line until the next change."""
        self._notice = notice
        self._draw_title()

    def draw_standing(self) -> None:
        self._draw_title()

    def _draw_title(self) -> None:
        count = len(self.draft.problems)
        name = str(self.draft.path) if self.draft.path is not None else f"new from {self.draft.preset or 'nothing'}"
        name = clean_line(name)
        room = max(10, self.columns - 40)
        line: list[tuple[str, str]] = [
            (" ● " if self.draft.dirty else "   ", "warn"),
            (self._heading + "  " if self._heading else "", "title"),
            (fit(name, room, keep_end=True) if len(name) > room else name, "strong"),
            ("  ", "text"),
            *self.standing(),
        ]
        found = self._weigher.fit
        if found is not None and not count:
            line.append(("  " + found.short(), "good" if found.fits else "bad"))
        marks = [text for on, text in self.view.modes() if on]
        if marks:
            line.append(("  " + ", ".join(marks), "accent"))
        if self._notice:
            line.append(("  " + self._notice, "warn"))
        self.query_one("#title", LineView).set_lines([tuple(line)])

    def _arrange(self) -> None:
        wide = self.columns >= WIDE
        self.query_one("#doc-side").display = wide
        below = self.query_one("#doc")
        below.display = not wide and self.size.height >= 14
        below.set_class(self.size.height >= TALL, "tall")
        self.query_one(KeyBar).display = self.size.height >= 4

    # ---------------------------------------------------------------- changing

    def changed(self, path: str | None) -> None:
        """An editor or a key has changed the draft."""
        self._notice = ""
        self.refresh_rows(path)

    # ---------------------------------------------------------------- leaving

    def action_memory(self) -> None:
        self.run_worker(self._report_memory(), exclusive=True, group="memory")

    async def _report_memory(self) -> None:
        from tui.app.screens.report import ReportScreen

        found = self._weigher.fit
        lines = ["known as soon as the configuration is valid"]
        if found is not None:
            lines = await in_background(lambda: list(found.lines()))
            lines += [] if found.fits else ["", "Back among the fields, f offers to set this up."]
        if present(self):
            self.app.push_screen(ReportScreen("Memory", lines))

    def action_fit(self) -> None:
        self.run_worker(self._propose(), exclusive=True, group="memory")

    async def _propose(self) -> None:
        """Offer ways to fit the card; what is chosen is applied as one change."""
        found = self._weigher.fit
        if found is None or found.card is None:
            self.tell("known when the configuration is valid and a card is; --vram GB names one")
            return
        self.tell("looking for settings that fit ...")
        ways = await in_background(found.proposals)
        if not present(self):
            return
        from tui.app.screens.proposals import ProposalScreen

        self.tell("")
        self.app.push_screen(ProposalScreen(f"To fit {found.card / GIB:.0f} GB", ways), self._apply)

    def _apply(self, chosen: Proposal | None) -> None:
        from tui.hardware.weighing import with_values

        if chosen is not None and chosen.changes:
            values = {change.path: change.value for change in chosen.changes}
            self.draft.migrate(with_values(self.draft.data, values))
            self.changed(None)
            self.tell(f"{len(values)} settings changed; u takes it back")

    def action_review(self) -> None:
        from tui.app.screens.review import ReviewScreen

        def closed(path: str | None) -> None:
            if path is not None:
                self.jump(path)

        self.app.push_screen(ReviewScreen(self.draft), closed)

    def action_save(self) -> None:
        self._saver.save()

    def action_save_as(self) -> None:
        self._saver.save_as()

    def action_launch(self) -> None:
        self._saver.launch()

    def action_clear(self) -> None:
        if not self.close_filter():
            self.action_close()

    def action_close(self) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._leave()

        changed = self.draft.dirty and (self.draft.can_undo or self.draft.document is not None)
        changed = changed and not self.draft.only_respelled  # reading an older file changes nothing that could be lost
        if changed and not self.view.only:
            self.app.push_screen(ConfirmScreen("Leave without saving?", "The changes would be lost."), answered)
        else:
            self._leave()

    def _leave(self) -> None:
        if not self.view.only:
            self.discard()
        if len(self.app.screen_stack) > 2:
            self.dismiss(None)
        else:
            self.app.exit(0)
