"""What the target-module screen shows: patterns above, the tree below, sums and warnings - as plain lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from schemas.paths import MISSING
from tui.forms.draft import Draft
from tui.forms.rows import effective
from tui.targets.modules import Known, known_modules
from tui.targets.selection import chosen, place_of, reached, size_of
from tui.targets.tree import Node, build, lines, mark
from tui.text import Line, fit

FIELD: Final = "lora.target_modules"
_MARKS: Final = {"all": "[x]", "some": "[~]", "none": "[ ]", "absent": " · "}
WIDE: Final = 100
"""From this width on each line says what it stands for; below, only the one under the cursor does."""
_COUNTS: Final = 22
"""Cells of the two number columns."""


@dataclass(slots=True)
class TargetsView:
    """The rows of the screen over a draft; ``refresh`` after every change of it."""

    draft: Draft
    opened: set[str] = field(default_factory=lambda: {"video"})
    patterns: list[str] = field(default_factory=list)
    rank: int = 0
    known: Known = field(default=Known((), frozenset(), ""))
    names: tuple[str, ...] = ()
    selected: frozenset[str] = frozenset()
    nodes: list[Node] = field(default_factory=list)
    _tree: tuple[Node, ...] = ()

    def __post_init__(self) -> None:
        self.refresh()

    def refresh(self) -> None:
        """Look at the draft again."""
        known = known_modules(self.draft)
        if known.modules is not self.known.modules:
            self.names = tuple(module.name for module in known.modules)
            self._tree = build(self.names)
        self.known = known
        given, rank = effective(self.draft, FIELD), effective(self.draft, "lora.rank")
        self.patterns = [str(pattern) for pattern in given] if isinstance(given, list) else []
        self.rank = rank if isinstance(rank, int) and not isinstance(rank, bool) and rank > 0 else 1
        self.selected = chosen(self.patterns, self.names)
        self.unfold()

    def unfold(self) -> None:
        """Lay the tree out with what is opened now."""
        self.nodes = list(lines(self._tree, self.opened))

    # ---------------------------------------------------------------- rows: a heading, the tree, a heading, patterns

    @property
    def count(self) -> int:
        return len(self.nodes) + len(self.patterns) + 2

    def selectable(self, index: int) -> bool:
        """Headings are not."""
        return index not in (0, len(self.nodes) + 1)

    def node_at(self, index: int) -> Node | None:
        return self.nodes[index - 1] if 0 < index <= len(self.nodes) else None

    def pattern_at(self, index: int) -> str | None:
        first = len(self.nodes) + 2
        return self.patterns[index - first] if first <= index < self.count else None

    def index_of(self, node_id: str) -> int | None:
        return next((1 + at for at, node in enumerate(self.nodes) if node.id == node_id), None)

    def line(self, index: int, width: int, current: bool) -> Line:
        """One row in ``width`` cells."""
        if index == 0:
            head = fit(" Modules", max(0, width - _COUNTS)) + f"{'chosen':>9}{'parameters':>12} "
            return ((fit(head, width), "head"),)
        if index == len(self.nodes) + 1:
            return ((fit(f" Patterns in the file ({len(self.patterns)})", width), "head"),)
        pattern, node = self.pattern_at(index), self.node_at(index)
        if pattern is not None:
            return self._pattern_line(pattern, width, current)
        return self._node_line(node, width, current) if node is not None else ()

    def _pattern_line(self, pattern: str, width: int, current: bool) -> Line:
        here = reached(pattern, [name for name in self.names if name in self.known.loaded])
        total, style = sum(here.values()), "cursor" if current else "text"
        name = fit(f"   {pattern}", min(max(map(len, self.patterns)) + 4, max(12, width * 2 // 3)))
        if total:
            words = f"{total:>5}  {_reach(here)}"
            return ((name, style), (fit(words, max(0, width - len(name))), "cursor" if current else "dim"))
        anywhere = sum(reached(pattern, self.names).values())
        why = "only in what this run does not load" if anywhere else "matches no module"
        return ((name, style), (fit(f" ✖ {why}", max(0, width - len(name))), "cursor" if current else "bad"))

    def _node_line(self, node: Node, width: int, current: bool) -> Line:
        state = mark(node, self.selected, self.known.loaded)
        fold = "▾" if node.id in self.opened else "▸" if node.children else " "
        count = len(node.names & self.selected)
        size = size_of(self.known.modules, node.names & self.selected, self.rank)
        numbers = f"{f'{count}/{len(node.names)}':>9}{_million(size.parameters):>12} "
        room = max(0, width - len(numbers))
        name = f" {'  ' * node.depth}{fold} {_MARKS[state]} {node.label}"
        name = fit(name, min(room, 34 if width >= WIDE else room))
        words = fit(f"  {self.words_of(node)}", max(0, room - len(name))) if width >= WIDE else ""
        if current:
            return ((name + words + numbers, "cursor"),)
        quiet = "dim" if state in ("none", "absent") else "text"
        return ((name, quiet), (words, "dim"), (numbers, quiet))

    def words_of(self, node: Node) -> str:
        """What a line of the tree stands for."""
        absent = mark(node, self.selected, self.known.loaded) == "absent"
        return "not loaded by this run" if absent else node.words

    # ---------------------------------------------------------------- sums

    def summary(self) -> list[Line]:
        """What the choice comes to."""
        size = size_of(self.known.modules, self.selected & self.known.loaded, self.rank)
        optimizer = effective(self.draft, "optimization.optimizer_type")
        training = size.training_bytes(str(optimizer))
        return [
            ((f" {len(self.known.modules)} modules {self.known.source}", "dim"),),
            (
                (f" {size.modules} modules", "strong"),
                (f" · rank {self.rank} · {_million(size.parameters)} parameters", "text"),
                (f" · file {_size(size.file_bytes)}", "text"),
                (f" · {_size(training)} of memory", "text"),
            ),
        ]

    def warnings(self) -> Iterator[str]:
        """What is wrong or surprising about the choice, in words."""
        if self.draft.get("lora") is MISSING or effective(self.draft, "model.training_mode") == "full":
            yield "all weights are trained: targets are not used (model.training_mode is full)"
            return
        unloaded = self.selected - self.known.loaded
        if unloaded:
            units = sorted({place_of(name).unit for name in unloaded})
            missing = "audio" if any("audio" in unit for unit in units) else "video"
            yield f"{len(unloaded)} chosen modules need {missing}, which this run does not load ({', '.join(units)})"
        if not self.selected & self.known.loaded:
            yield "nothing is chosen: the LoRA would have no modules"
        yield from self._frozen()

    def _frozen(self) -> Iterator[str]:
        for name, prefix in (("video", ""), ("audio", "audio_")):
            generated = effective(self.draft, f"training_strategy.{name}.is_generated")
            own = [module for module in self.selected & self.known.loaded if _own(module, prefix)]
            if generated is False and own:
                yield f"{len(own)} adapters lie in the {name} branch, which is given and not generated"
            if generated is True and not own and self.selected:
                yield f"{name} is generated, but no adapter lies in its branch"


def _own(name: str, prefix: str) -> bool:
    unit = place_of(name).unit
    return unit in {f"{prefix}attn1", f"{prefix}attn2", f"{prefix}ff"}


def _reach(units: dict[str, int]) -> str:
    """Which units a pattern reaches; many with as many modules each are counted once."""
    if len(units) > 2 and len(set(units.values())) == 1:
        return f"{next(iter(units.values()))} in each of {', '.join(units)}"
    return ", ".join(f"{unit} {count}" for unit, count in units.items())


def _million(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count >= 100_000 else f"{count:,}" if count else "-"


def _size(size: int) -> str:
    return f"{size / 2**30:.2f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB" if size >= 2**20 else f"{size:,} B"
