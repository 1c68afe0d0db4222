"""Which metrics are drawn together, in which order, and in which unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tui.charts.plot import Curve
from tui.charts.series import Series
from tui.monitor.wording import GIB
from tui.text import clean_line


@dataclass(frozen=True, slots=True)
class CurveSpec:
    """One metric of a panel."""

    metric: str
    label: str
    style: str = "accent"
    band: bool = False
    smooth: bool = True
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart."""

    title: str
    curves: tuple[CurveSpec, ...]
    scale: float = 1.0
    """From the unit of the metric to the unit of the chart."""
    unit: str = ""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics in it."""
        return tuple(curve.metric for curve in self.curves)


SIGMA_BINS: Final = (("0.00-0.25", "0-¼"), ("0.25-0.50", "¼-½"), ("0.50-0.75", "½-¾"), ("0.75-1.00", "¾-1"))
STYLES: Final = ("accent", "curve2", "curve3", "curve4")


def _several(title: str, *curves: tuple[str, str], unit: str = "", scale: float = 1.0, smooth: bool = True) -> Panel:
    """A panel of lines in different colours."""
    specs = tuple(
        CurveSpec(metric, label, style, smooth=smooth, mark=label[0])
        for (metric, label), style in zip(curves, STYLES, strict=False)
    )
    return Panel(title, specs, scale, unit)


def _single(title: str, metric: str, *, unit: str = "", scale: float = 1.0, smooth: bool = True) -> Panel:
    return Panel(title, (CurveSpec(metric, "", band=smooth, smooth=smooth),), scale, unit)


def _by_sigma(title: str, prefix: str) -> Panel:
    specs = tuple(
        CurveSpec(f"{prefix}sigma_{name}", label, style, mark=str(number))
        for number, ((name, label), style) in enumerate(zip(SIGMA_BINS, STYLES, strict=True))
    )
    return Panel(title, specs)


KNOWN: Final = (
    Panel(
        "loss",
        (
            CurveSpec("loss", "", band=True),
            CurveSpec("validation_loss", "validation", "curve2", smooth=False, mark="v"),
        ),
    ),
    Panel(
        "loss by modality",
        (
            CurveSpec("loss/video", "video", "accent", mark="v"),
            CurveSpec("loss/audio", "audio", "curve2", mark="a"),
            CurveSpec("validation_loss/video", "video, validation", "curve3", smooth=False, mark="V"),
            CurveSpec("validation_loss/audio", "audio, validation", "curve4", smooth=False, mark="A"),
        ),
    ),
    _by_sigma("loss by σ", "loss/"),
    _single("gradient norm", "grad_norm"),
    _single("learning rate", "lr", smooth=False),
    _several(
        "time of a step", ("step_seconds", "all"), ("data_seconds", "data"), ("compute_seconds", "compute"), unit="s"
    ),
    _single("tokens per second", "tokens_per_second"),
    _several(
        "GPU memory",
        ("memory_peak", "peak"),
        ("memory_allocated", "allocated"),
        ("memory_reserved", "reserved"),
        unit="GB",
        scale=1 / GIB,
        smooth=False,
    ),
    _single("GPU utilization", "gpu_utilization", unit="%"),
    _single("host memory of the trainer", "host_rss", unit="GB", scale=1 / GIB, smooth=False),
    _by_sigma("video loss by σ", "loss/video/"),
    _by_sigma("audio loss by σ", "loss/audio/"),
    _by_sigma("validation loss by σ", "validation_loss/"),
    _single("size of the LoRA's change", "lora_delta_rms", smooth=False),
)
LONGEST_NAME: Final = 60
HIDDEN: Final = frozenset({"memory_total", "host_available"})
"""Metrics that are drawn nowhere: they are the limits of others."""


def panels_of(names: Iterable[str]) -> list[Panel]:
    """The charts a run offers: known ones in their order, then one for every metric that is in none of them."""
    present = set(names) - HIDDEN
    found = [
        Panel(panel.title, kept, panel.scale, panel.unit)
        for panel in KNOWN
        if (kept := tuple(curve for curve in panel.curves if curve.metric in present))
    ]
    taken = {metric for panel in KNOWN for metric in panel.metrics}
    rest = sorted(name for name in present - taken if "/sigma_" not in name)
    return (found + [_single(clean_line(name)[:LONGEST_NAME], name) for name in rest]) or [KNOWN[0]]


def curves_of(panel: Panel, series: Mapping[str, Series]) -> list[Curve]:
    """The curves of a panel that have data."""
    return [
        Curve(spec.label, series[spec.metric], spec.style, spec.band, spec.smooth, spec.mark)
        for spec in panel.curves
        if spec.metric in series
    ]
