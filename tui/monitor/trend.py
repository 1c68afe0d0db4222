"""Whether a noisy curve moves: plain statistics over the bins of a series."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tui.charts.series import Series


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line through a stretch of a curve."""

    steps: int
    """Length of the stretch."""
    level: float
    """Mean over it."""
    change: float
    """From its first to its last step along the line, as a share of the level."""
    certainty: float
    """Slope over its standard error (Student's t), with the sign of the slope."""


def trend(series: Series, first: int, last: int) -> Trend | None:
    """The trend between two steps, both included; None with less than eight bins that hold something finite.

    Least squares over the means of bins, each weighing as many values as it holds.
    """
    width, bins = series.width, series.bins
    points = [
        (float(index * width), bins.total[index] / bins.count[index], float(bins.count[index]))
        for index in range(max(0, -(-first // width)), min(len(bins), last // width + 1))
        if bins.count[index]
    ]
    if len(points) < 8:
        return None
    weight = math.fsum(w for _, _, w in points)
    x_mean = math.fsum(w * x for x, _, w in points) / weight
    y_mean = math.fsum(w * y for _, y, w in points) / weight
    spread = math.fsum(w * (x - x_mean) ** 2 for x, _, w in points)
    slope = math.fsum(w * (x - x_mean) * (y - y_mean) for x, y, w in points) / spread
    rest = math.fsum(w * (y - y_mean - slope * (x - x_mean)) ** 2 for x, y, w in points)
    error = math.sqrt(rest / (len(points) - 2) / spread)
    length = points[-1][0] - points[0][0]
    level = abs(y_mean) or 1.0
    certainty = slope / error if error > 1e-12 * abs(slope) else math.copysign(math.inf, slope) if slope else 0.0
    return Trend(last - first + 1, y_mean, slope * length / level, certainty)


def mean_between(series: Series, first: int, last: int) -> float | None:
    """Mean of the finite values between two steps; None when there are none."""
    width, bins = series.width, series.bins
    start, stop = max(0, first // width), min(len(bins), last // width + 1)
    count = sum(bins.count[start:stop])
    return math.fsum(bins.total[start:stop]) / count if count else None


def bad_between(series: Series, first: int, last: int) -> int:
    """Values that were not finite between two steps."""
    return sum(series.bins.bad[max(0, first // series.width) : last // series.width + 1])


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some consecutive steps of a curve."""

    first: int
    mean: float
    error: float
    """Standard error of the mean, from how the means of bins differ."""


def stretch(series: Series, first: int, last: int) -> Stretch | None:
    """The steps between two, both included; None with less than four bins that hold something finite."""
    width, bins = series.width, series.bins
    means = [
        bins.total[index] / bins.count[index]
        for index in range(max(0, first // width), min(len(bins), last // width + 1))
        if bins.count[index]
    ]
    if len(means) < 4:
        return None
    mean = math.fsum(means) / len(means)
    variance = math.fsum((value - mean) ** 2 for value in means) / (len(means) - 1)
    return Stretch(first, mean, math.sqrt(variance / len(means)))


def lowest_stretch(series: Series, length: int) -> Stretch | None:
    """The lowest of the stretches of ``length`` steps that follow each other from the start."""
    last = series.last_step
    if last is None:
        return None
    found = [stretch(series, first, first + length - 1) for first in range(0, last + 2 - length, length)]
    return min((one for one in found if one is not None), key=lambda one: one.mean, default=None)
