"""Fitting the draft to a card: what is there, what each tier sets, what the run needs, what to change."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from presets.memory import GIB, WISHES, Proposal, Wish
from schemas.errors import WizardError
from tui.app.keys import bindings
from tui.app.present import present
from tui.app.screens.editing import open_editor
from tui.app.widgets.keybar import KeyBar
from tui.app.widgets.lines import LineView
from tui.app.widgets.rows import RowList
from tui.forms import edits
from tui.forms.draft import Draft
from tui.hardware.tiers import for_tier
from tui.hardware.view import HardwareView
from tui.hardware.weighing import Machine, Weight, proposals, weigh_draft, with_values


class HardwareScreen(Screen[None]):
    """Cards, tiers, bars and levers; nothing changes without a key for it, and every change can be undone."""

    CONTEXTS: ClassVar[tuple[str, ...]] = ("hardware", "list")
    AUTO_FOCUS = "#rows"
    BINDINGS: ClassVar[list[BindingType]] = bindings("hardware")

    def __init__(self, draft: Draft, *, vram: float | None = None, machine: Machine | None = None) -> None:
        """``vram`` is the card's memory in GB; without it the smallest card of this machine counts."""
        super().__init__()
        self.draft = draft
        self.view = HardwareView(draft, card=int((vram or 0) * GIB))
        self._wish: Wish = WISHES[0]
        self._machine = machine

    def compose(self) -> ComposeResult:
        yield LineView([()], id="title")
        yield RowList(id="rows")
        yield LineView([()], id="notice")
        yield KeyBar("hardware")

    def on_mount(self) -> None:
        self._changed()

    def on_resize(self) -> None:
        self._draw()

    @property
    def rows(self) -> RowList:
        return self.query_one("#rows", RowList)

    @property
    def vram(self) -> float | None:
        """The card's memory in GB, as chosen here; None while none is."""
        return self.view.card / GIB or None

    # ---------------------------------------------------------------- weighing and drawing

    def _changed(self, notice: str = "") -> None:
        """The draft or the card is another one: draw at once what is known, and weigh again in a thread."""
        self._tell(notice)
        self._draw()
        data, card = self.draft.data, self.view.card
        self.run_worker(lambda: self._work(data, card), thread=True, exclusive=True, group="weigh")

    def _work(self, data: dict[str, object], card: int) -> None:
        machine = self._machine or Machine.here()
        card = card or machine.card_bytes or 0
        variants = {tier.size: for_tier(self.draft, tier.size, self.view.layers) for tier in self.view.all_tiers}
        self.call_later(self._weighed, data, machine, card, weigh_draft(data, variants, card))

    def _weighed(self, data: dict[str, object], machine: Machine, card: int, weight: Weight) -> None:
        if not present(self) or data is not self.draft.data:
            return
        self._machine = self.view.machine = machine
        self.view.card, self.view.weight = self.view.card or card, weight
        self._draw()

    def _draw(self) -> None:
        view, width = self.view, self.rows.size.width or self.size.width
        here = view.item_at(self.rows.cursor)
        view.rebuild(width)
        cursor = view.index_of(here.id) if here is not None else view.index_of(f"tier:{view.tier}")
        self.rows.show(len(view.items), view.draw, selectable=view.selectable, cursor=cursor)
        self.query_one("#title", LineView).set_lines([view.title()])

    def _tell(self, notice: str) -> None:
        self.query_one("#notice", LineView).set_lines([((f" {notice}", "warn"),)] if notice else [()])

    # ---------------------------------------------------------------- keys

    def on_row_list_chosen(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        """A card or a tier is taken; a lever is edited."""
        item = self.view.item_at(self.rows.cursor)
        if item is None:
            return
        if item.row is not None:
            open_editor(self.app, self.draft, item.row, self._edited)
        elif item.kind == "card":
            self.view.card = item.card
            self._changed("this card counts now; choose a tier to set the draft up for it")
        else:
            self.view.card = item.tier * GIB
            self.draft.migrate(for_tier(self.draft, item.tier, self.view.layers))
            self._changed(f"set up for {item.tier} GB; u takes it back")

    def _edited(self, _path: str | None) -> None:
        self._changed()

    def action_bump(self, step: int) -> None:
        item = self.view.item_at(self.rows.cursor)
        if item is not None and item.row is not None and edits.bump(self.draft, item.row, step):
            self._changed()

    def action_wish(self) -> None:
        self._wish = WISHES[(WISHES.index(self._wish) + 1) % len(WISHES)]
        self._tell(f"'make it fit' now prefers: {self._wish}")

    def action_fit(self) -> None:
        """Proposals, worked out in a thread; one is applied only when it is chosen."""
        machine = self._machine
        if machine is None or not self.view.card:
            self._tell("choose a card first")
            return
        self._tell("looking for settings that fit ...")
        data, card, wish = self.draft.data, self.view.card, self._wish

        def look() -> None:
            try:
                found = proposals(data, machine, card, wish)
            except WizardError as error:
                self.call_later(self._tell, error.message)
                return
            self.call_later(self._offer, found)

        self.run_worker(look, thread=True, exclusive=True, group="solve")

    def _offer(self, found: tuple[Proposal, ...]) -> None:
        from tui.app.screens.proposals import ProposalScreen

        if not present(self):
            return
        self._tell("")
        title = f"To fit {self.view.card / GIB:.0f} GB ({self._wish} first)"
        self.app.push_screen(ProposalScreen(title, found), self._apply)

    def _apply(self, chosen: Proposal | None) -> None:
        if chosen is None or not chosen.changes:
            return
        self.draft.migrate(with_values(self.draft.data, {change.path: change.value for change in chosen.changes}))
        self._changed(f"{len(chosen.changes)} settings changed; u takes it back")

    def action_undo(self) -> None:
        self._changed("taken back" if self.draft.undo() is not None else "nothing to undo")

    def action_redo(self) -> None:
        self._changed("done again" if self.draft.redo() is not None else "nothing to redo")

    def action_back(self) -> None:
        self.dismiss(None)
