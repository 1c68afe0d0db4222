"""The rows of the hardware screen as plain lines: cards, tiers, levers, memory by phase, proposals."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from presets.memory import GIB, Estimate
from tui.forms.draft import Draft
from tui.forms.rows import Row, build_rows
from tui.forms.values import shown
from tui.hardware.tiers import Tier, tiers
from tui.hardware.weighing import Machine, Weight
from tui.text import Line, clean_line, fit

LEVERS: Final = (
    "acceleration.quantization",
    "acceleration.blocks_to_swap",
    "acceleration.blocks_to_recompute",
    "optimization.enable_gradient_checkpointing",
    "acceleration.load_text_encoder_in_8bit",
    "acceleration.stream_text_encoder",
    "acceleration.offload_optimizer_during_validation",
    "optimization.batch_size",
    "optimization.optimizer_type",
    "lora.rank",
    "validation.video_dims",
)
"""Settings that decide about memory; any other is one screen away."""
Kind = Literal["head", "note", "card", "tier", "lever", "phase"]
_BAR: Final = 24


@dataclass(frozen=True, slots=True)
class Item:
    """One row and what it stands for."""

    kind: Kind
    line: Callable[[int], Line]
    """Drawn for a width."""
    tier: int = 0
    card: int = 0
    """Bytes."""
    row: Row | None = None

    @property
    def selectable(self) -> bool:
        return self.kind in ("card", "tier", "lever")

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.tier or self.card or (self.row.path if self.row is not None else '')}"


@dataclass(slots=True)
class HardwareView:
    """Rows over a draft, a machine and what is known of the draft's weight."""

    draft: Draft
    card: int
    """Bytes of the card that counts; 0 while none is chosen."""
    machine: Machine | None = None
    weight: Weight = field(default_factory=Weight)
    items: list[Item] = field(default_factory=list)
    all_tiers: tuple[Tier, ...] = field(default_factory=tiers)

    def rebuild(self, width: int) -> None:
        """Lay everything out anew."""
        self.items = [*self._cards(width), *self._tiers(), *self._phases(), *self._levers(), *self._basis(width)]

    @property
    def tier(self) -> int:
        """The tier that the chosen card takes; 0 when it is below all."""
        return max((one.size for one in self.all_tiers if one.size * GIB <= self.card + GIB), default=0)

    @property
    def layers(self) -> int | None:
        """Blocks of the model, once it is known."""
        found = self.weight.estimate
        return found.job.model.layers if found is not None else None

    def selectable(self, index: int) -> bool:
        return 0 <= index < len(self.items) and self.items[index].selectable

    def item_at(self, index: int | None) -> Item | None:
        return self.items[index] if index is not None and 0 <= index < len(self.items) else None

    def index_of(self, item_id: str) -> int | None:
        return next((index for index, item in enumerate(self.items) if item.id == item_id), None)

    def draw(self, index: int, width: int, current: bool) -> Line:
        """One row; the current one in one style."""
        line = self.items[index].line(width)
        return ((fit("".join(text for text, _ in line), width), "cursor"),) if current else line

    def title(self) -> Line:
        """What is needed, in a few words."""
        head = (" Hardware", "title")
        if self.weight.problem:
            return head, (f"   {self.weight.problem}", "bad")
        found = self.weight.estimate
        if found is None:
            return (head,)
        need = f"   needs {found.peak_bytes / GIB:.1f} GB"
        if not self.card:
            return head, (need, "strong")
        fits = found.fits(self.card)
        words = " - fits" if fits else " - does not fit: press f"
        return head, (f"{need} of {self.card / GIB:.0f} GB{words}", "good" if fits else "bad")

    # ---------------------------------------------------------------- parts

    def _cards(self, width: int) -> Iterator[Item]:
        if self.machine is None:
            yield _note("looking for cards ...")
            return
        driver = self.machine.driver
        if not driver.gpus:
            words = f"{driver.problem or 'no card is seen here'}; choose the size you will train on"
            for part in textwrap.wrap(words, max(20, width - 3)):
                yield _note(part)
        for gpu in driver.gpus:
            text = f"GPU {gpu.index}  {gpu.name}  {gpu.total / GIB:.0f} GB, {gpu.used / GIB:.1f} GB in use"
            yield Item("card", _plain(clean_line(text), "text"), card=gpu.total)

    def _tiers(self) -> Iterator[Item]:
        yield _head("Set up for a card of")
        for tier in self.all_tiers:
            need = self.weight.tiers.get(tier.size)
            mark = "●" if tier.size == self.tier else " "
            words = f"needs {need / GIB:5.1f} GB" if need is not None else ""
            fits = need is None or need <= tier.size * GIB
            size = f" {mark} {tier.size:>3} GB   "
            style = "strong" if tier.size == self.tier else "text"
            spans = ((size, style), (f"{words:<16}", "text" if fits else "bad"), (f" {tier.words(self.layers)}", "dim"))
            yield Item("tier", _spans(spans), tier=tier.size)

    def _phases(self) -> Iterator[Item]:
        found = self.weight.estimate
        if found is None:
            return
        against = f"Memory by phase, of {self.card / GIB:.0f} GB" if self.card else "Memory by phase"
        yield _head(against)
        for phase in found.phases:
            yield Item("phase", _bar(found, phase, self.card))
        host = f"host memory {found.host_bytes / GIB:.1f} GB"
        here = self.machine.host_bytes if self.machine is not None else None
        have = f" of {here / GIB:.0f} GB here" if here is not None else ""
        yield _note(f"{host}{have}, disk {found.disk_bytes / GIB:.1f} GB")

    def _levers(self) -> Iterator[Item]:
        yield _head("What decides about it (arrows change, Enter edits)")
        rows = {row.path: row for row in build_rows(self.draft)}
        for path in LEVERS:
            row = rows.get(path)
            if row is not None:
                yield Item("lever", _lever(row), row=row)

    def _basis(self, width: int) -> Iterator[Item]:
        found = self.weight.estimate
        if found is None:
            return
        yield _head("How sure this is")
        for sentence in (found.calibration.words, *found.job.chosen, *(f"assumed: {one}" for one in found.assumed)):
            for part in textwrap.wrap(sentence, max(20, width - 5)):
                yield _note(part)


def _head(text: str) -> Item:
    return Item("head", _plain(text, "head"))


def _note(text: str) -> Item:
    return Item("note", _plain(text, "dim"))


def _plain(text: str, style: str) -> Callable[[int], Line]:
    return lambda width: ((fit(f" {text}", width), style),)


def _spans(spans: Line) -> Callable[[int], Line]:
    def draw(width: int) -> Line:
        line: list[tuple[str, str]] = []
        for text, style in spans:
            room = width - sum(len(done) for done, _ in line)
            line.append((text if len(text) <= room else fit(text, max(0, room)), style))
        return tuple(line)

    return draw


def _bar(found: Estimate, phase: str, card: int) -> Callable[[int], Line]:
    peak = found.peak(phase)
    whole = max(card, found.peak_bytes)

    def draw(width: int) -> Line:
        cells = max(8, min(_BAR * 2, width - 46))
        filled = min(cells, max(1, round(cells * peak / whole))) if peak else 0
        style = "bad" if card and peak > card else "accent" if phase == found.dominant else "text"
        share = f" {peak / card:4.0%}" if card else ""
        most = "  <- most" if phase == found.dominant else ""
        name = phase.replace("_", " ")
        return ((f" {name:<17}{peak / GIB:6.1f} GB{share} ", "text"), ("█" * filled, style),
                ("░" * (cells - filled), "dim"), (most, "dim"))  # fmt: skip

    return draw


def _lever(row: Row) -> Callable[[int], Line]:
    mark = "●" if row.own else "○" if row.changed else " "
    style = "strong" if row.changed or row.own else "dim"
    value = clean_line(shown(row).replace("\n", " "))
    return lambda width: ((f" {mark} {fit(row.path, 51)}", "text"), (fit(value, max(0, width - 54)), style))
