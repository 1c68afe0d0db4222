"""What runs on this machine really took, beside what was predicted: it corrects the next estimate.

A line of JSON per run in ``$XDG_STATE_HOME/ltx2-wizard/calibration.jsonl``. Lines that are not understood are passed
over: the file is a help, never a condition.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

PEAK_FACTOR: Final = 1.05
PEAK_CONSTANT: Final = int(0.6 * 2**30)
"""CUDA context and fragmentation, until measured on a card: peak = 1.05 x allocated + 0.6 GiB."""
_STEP: Final = "training_step"
_PLAUSIBLE: Final = (0.5, 2.0)
"""A ratio of measured to predicted beyond this is not of the run it claims to be, and is not counted."""
_MOST_OVERHEAD: Final = 1.5
_RECENT: Final = 2**18
"""Bytes at the end of the file that are read."""
_NEWEST: Final = 20
"""Runs of one kind that count."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run: bytes allocated at the peak of each phase, as predicted and as measured."""

    card: str
    """The card's name as its driver gives it."""
    model: str
    """Version of the model."""
    mode: str
    """What is trained, and how weights are stored: ``lora/int8-quanto``."""
    predicted: Mapping[str, int]
    measured: Mapping[str, int]
    reserved: int = 0
    """What the allocator held at its peak; 0: not known."""
    source: str = "run"
    """``run`` or ``probe``."""
    t: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class Calibration:
    """How predictions are corrected, and what that rests on."""

    runs: int = 0
    card: str = ""
    factor: float = 1.0
    """Measured / predicted."""
    spread: float = 0.0
    """The largest deviation of a single run from ``factor``, as a share of it."""
    overhead: float = PEAK_FACTOR
    """Held by the allocator / allocated."""

    def peak(self, allocated: int) -> int:
        """Memory of the card that ``allocated`` predicted bytes of tensors mean."""
        return int(allocated * self.factor * self.overhead) + PEAK_CONSTANT

    @property
    def words(self) -> str:
        """What an estimate made with this rests on."""
        if not self.runs:
            return "rests on formulas alone"
        if self.runs == 1:
            return f"rests on 1 run on this card ({self.card}), which took {self.factor - 1:+.1%} of what was predicted"
        return f"rests on {self.runs} runs on this card ({self.card}; ±{self.spread:.1%})"


FORMULAS_ALONE: Final = Calibration()


def calibration_path(environ: Mapping[str, str] | None = None) -> Path:
    """The file of this user."""
    given = (os.environ if environ is None else environ).get("XDG_STATE_HOME", "")
    state = Path(given) if given else Path.home() / ".local" / "state"
    return state / "ltx2-wizard" / "calibration.jsonl"


def record(measurement: Measurement, path: Path | None = None) -> None:
    """Add a run to the file, in one write so that runs that end together do not mix. Raises OSError."""
    path = calibration_path() if path is None else path
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"v": 1, **asdict(measurement)}, ensure_ascii=False) + "\n"
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def load(path: Path | None = None) -> tuple[Measurement, ...]:
    """The newest records, oldest first; empty when there is no file or none that can be read."""
    path = calibration_path() if path is None else path
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _RECENT))
            text = file.read(_RECENT).decode("utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(found for found in map(_understood, text.splitlines()) if found is not None)


def apply(measurements: Iterable[Measurement], card: str | None, model: str, mode: str) -> Calibration:
    """What runs of the same kind on the same card say; formulas alone when there are none."""
    same = [one for one in measurements if (one.card, one.model, one.mode) == (card, model, mode)]
    pairs = [(one, _ratio(one)) for one in same]
    usable = [(one, ratio) for one, ratio in pairs if ratio is not None][-_NEWEST:]
    if card is None or not usable:
        return FORMULAS_ALONE
    ratios = [ratio for _, ratio in usable]
    factor = median(ratios)
    # The allocator's peak is of the whole process, so it is compared with the largest of the phases.
    held = [one.reserved / max(one.measured.values()) for one, _ in usable if one.reserved]
    overhead = min(max(median(held), 1.0), _MOST_OVERHEAD) if held else PEAK_FACTOR
    return Calibration(len(ratios), card, factor, max(abs(ratio / factor - 1) for ratio in ratios), overhead)


def _ratio(one: Measurement) -> float | None:
    predicted, measured = one.predicted.get(_STEP, 0), one.measured.get(_STEP, 0)
    if predicted <= 0 or measured <= 0:
        return None
    ratio = measured / predicted
    return ratio if _PLAUSIBLE[0] <= ratio <= _PLAUSIBLE[1] else None


def _understood(line: str) -> Measurement | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or data.get("v") != 1:
        return None
    card, model, mode = data.get("card"), data.get("model"), data.get("mode")
    predicted, measured = _sizes(data.get("predicted")), _sizes(data.get("measured"))
    reserved, when = data.get("reserved", 0), data.get("t", 0)
    if not (isinstance(card, str) and isinstance(model, str) and isinstance(mode, str)):
        return None
    if predicted is None or measured is None or not _is_size(reserved):
        return None
    if not isinstance(when, int | float) or not math.isfinite(when):
        return None
    return Measurement(card, model, mode, predicted, measured, reserved, str(data.get("source", "")), when)


def _sizes(data: Any) -> dict[str, int] | None:
    if not isinstance(data, dict) or not data or not all(_is_size(size) for size in data.values()):
        return None
    return data


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**50
