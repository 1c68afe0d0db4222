"""A strategy as a picture of a few lines: what is given, what is generated, what stays frozen.

Drawn from the strategy's data, so a preset, a changed draft and a condition that is added by hand all look as they
are. Time runs from left to right; a video is two rows high, a sound one.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tui.text import Line

GIVEN, MADE, FROZEN = "▒", "█", "░"
STYLE_OF: Final = {GIVEN: "dim", MADE: "band", FROZEN: "dim"}
LABEL: Final = 10
ROWS: Final = {"video": 2, "audio": 1}
_LEGEND: Final = ((GIVEN, "given"), (MADE, "generated"), (FROZEN, "frozen"))

Bar = list[list[str]]


def diagram(strategy: Mapping[str, Any], width: int, size: tuple[int, int] | None = None) -> list[Line]:
    """The picture of a training strategy in ``width`` cells; ``size`` (width, height) is that of the whole picture."""
    columns = max(8, min(48, width - LABEL - 1))
    lines: list[Line] = [_row("caption", [GIVEN] * columns)]
    for modality in ROWS:
        section = strategy.get(modality)
        if not isinstance(section, Mapping):
            lines.append(((f"{modality:<{LABEL}}", "dim"), ("not used", "dim")))
            continue
        conditions = [each for each in section.get("conditions") or () if isinstance(each, Mapping)]
        if any(each.get("type") == "reference" for each in conditions):
            lines.append(_row("reference", [GIVEN] * columns))
        bar = _bar(section, conditions, ROWS[modality], columns, size)
        lines += [_row(modality if not index else "", row) for index, row in enumerate(bar)]
        for note in _notes(section, conditions):
            room = max(10, width - LABEL)
            lines += [((" " * LABEL, "text"), (part, "dim")) for part in textwrap.wrap(note, room)]
    return [*lines, (), legend()]


def legend() -> Line:
    """What the fillings mean."""
    return tuple(span for mark, word in _LEGEND for span in ((mark * 2, STYLE_OF[mark]), (f" {word}  ", "dim")))


def _row(label: str, cells: Sequence[str]) -> Line:
    spans: list[tuple[str, str]] = [(f"{label:<{LABEL}}", "text")]
    for cell in cells:
        style = STYLE_OF[cell]
        if spans[-1][1] == style and len(spans) > 1:
            spans[-1] = (spans[-1][0] + cell, style)
        else:
            spans.append((cell, style))
    return tuple(spans)


def _bar(
    section: Mapping[str, Any],
    conditions: Sequence[Mapping[str, Any]],
    rows: int,
    columns: int,
    size: tuple[int, int] | None,
) -> Bar:
    if not section.get("is_generated", True):
        return [[FROZEN] * columns for _ in range(rows)]
    bar = [[MADE] * columns for _ in range(rows)]
    for condition in conditions:
        for row, column in _given(condition, rows, columns, size):
            bar[row][column] = GIVEN
    return bar


def _given(
    condition: Mapping[str, Any], rows: int, columns: int, size: tuple[int, int] | None
) -> Iterator[tuple[int, int]]:
    """The cells that a condition gives, in about the proportions it has in a clip."""
    third = columns // 3
    match condition.get("type"):
        case "first_frame":
            times: Sequence[int] = range(2)
        case "prefix":
            times = range(third)
        case "suffix":
            times = range(columns - third, columns)
        case "mask":
            times = [*range(third), *range(columns - third, columns)]
        case "spatial_crop":
            times = range(columns)
            rows = _rows_given(condition.get("spatial_region"), rows, size)
        case _:
            times = ()
    yield from ((row, time) for row in range(rows) for time in times)


def _rows_given(region: Any, rows: int, size: tuple[int, int] | None) -> int:
    """How many of the picture's rows lie in the region that is given, at least one and never all."""
    if size is None or not isinstance(region, list | tuple) or len(region) != 4 or not isinstance(region[2], int):
        return 1
    return min(rows - 1, max(1, round(rows * region[2] / size[1]))) if rows > 1 else 1


def _notes(section: Mapping[str, Any], conditions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not section.get("is_generated", True):
        yield "given whole; nothing of it is learned"
        return
    for condition in conditions:
        yield _what(condition) + _how_often(condition)


def _what(condition: Mapping[str, Any]) -> str:
    match condition.get("type"):
        case "first_frame":
            return "first frame given"
        case "prefix":
            return f"beginning given ({condition.get('temporal_boundary')} latent frames)"
        case "suffix":
            return f"end given ({condition.get('temporal_boundary')} latent frames)"
        case "mask":
            return "given where the clip's mask says so"
        case "spatial_crop":
            return "a rectangle of the picture given"
        case "reference":
            return "a reference given beside it"
        case other:
            return str(other)


def _how_often(condition: Mapping[str, Any]) -> str:
    share = condition.get("probability", 1.0)
    return f", in {share:.0%} of samples" if isinstance(share, int | float) and share < 1 else ""
