"""Round numbers for axes, and short ways to write a number."""

from __future__ import annotations

import math

SMALLEST = 1e-290
"""A span below this is none: what is computed from it would lose its digits."""
NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


def nice_step(span: float, pieces: int) -> float:
    """The smallest round number (1, 2, 2.5, 5 times a power of ten) that cuts ``span`` into at most ``pieces``."""
    raw = span / max(1, pieces)
    if not math.isfinite(raw) or raw <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    return power * next(nice for nice in NICE if nice * power >= raw * (1 - 1e-9))


def nice_range(low: float, high: float, pieces: int) -> tuple[float, float, float]:
    """``low`` and ``high`` moved outwards to multiples of a round step: (low, high, step), never of zero height.

    Because the ends are round, the range changes rarely while a curve grows, and a chart repaints rarely.
    """
    if high - low < max(abs(high) * 1e-9, SMALLEST):
        margin = abs(high) * 0.1 if abs(high) > SMALLEST * 10 else 1.0
        low, high = low - margin, high + margin
    step = nice_step(high - low, pieces)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step


def grown_domain(steps: int) -> int:
    """The number of steps the x axis should span to show ``steps``: grows by a quarter at a time, at least 16."""
    domain = 16
    while domain < steps:
        domain += max(1, domain // 4)
    return domain


def short(value: float) -> str:
    """A number in at most seven characters: 0.1234, 12.35, 1.2e-06, 950k."""
    if not math.isfinite(value):
        return {math.inf: "inf", -math.inf: "-inf"}.get(value, "nan")
    size = abs(value)
    if value == 0:
        return "0"
    if size < 1e-3:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    if size >= 1e6:
        return f"{value / 1e6:.4g}M" if size < 1e9 else f"{value:.2g}"
    if size >= 1e4:
        return f"{value / 1e3:.4g}k"
    return f"{value:.4g}"


def label(value: float, step: float) -> str:
    """An axis number written with as many digits as the axis step needs."""
    if step and abs(value) < step * 1e-6:
        return "0"
    if abs(value) >= 1e4 or step < 1e-4:
        return short(value)
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9) + (1 if _half(step) else 0))}f}"


def _half(step: float) -> bool:
    """True for 2.5 and its powers of ten, which need one more digit."""
    return abs(step / 10.0 ** math.floor(math.log10(step) + 1e-9) - 2.5) < 1e-6
