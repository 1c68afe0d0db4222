"""The lines above the charts: state, progress, speed, memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from trainer.rundir.status import Status
from tui.charts.ticks import short
from tui.monitor.model import RunView
from tui.monitor.wording import GIB, duration, seconds_short
from tui.text import Line, Span

STATE_STYLES: Final = {
    "running": "good",
    "finished": "good",
    "paused": "warn",
    "stopped": "warn",
    "stalled": "warn",
    "waiting": "dim",
    "failed": "bad",
    "crashed": "bad",
}
ORDER: Final = (
    "loss",
    "loss/video",
    "loss/audio",
    "grad_norm",
    "lr",
    "step_seconds",
    "tokens_per_second",
    "memory_allocated",
    "memory_peak",
)
"""Metrics in the order of interest; others follow by name."""


def metric_names(names: Mapping[str, object]) -> list[str]:
    """The metrics of a run in the order they are offered."""
    return [name for name in ORDER if name in names] + sorted(name for name in names if name not in ORDER)


def title_line(folder: Path, state: str, notice: str, width: int) -> Line:
    """Which run, its state, and the last thing that was asked of it."""
    spans = [(f" {state.upper()} ", STATE_STYLES.get(state, "text"))]
    name = f"{folder.parent.name}/{folder.name}" if folder.parent.name else str(folder)
    room = width - len(spans[0][0]) - 1
    spans.append((" " + (name if len(name) <= room else "…" + name[-max(1, room - 1) :]), "strong"))
    if notice and len(name) + len(notice) + 3 <= room:
        spans.append(("  " + notice, "dim"))
    return tuple(spans)


def strip_lines(view: RunView, status: Status | None, state: str, now: float, width: int) -> list[Line]:
    """Two or three lines, each fitting ``width`` as well as it can; what matters most comes first."""
    lines = [_progress(view, status, state, now, width)]
    if view.latest:
        lines.append(_joined(_speed(view.latest), width))
        lines.append(_joined(_memory(view.latest), width))
    return lines


def _progress(view: RunView, status: Status | None, state: str, now: float, width: int) -> Line:
    if state in {"failed", "crashed", "stalled"}:
        return _trouble(view, status, state, now)
    step = status.step if status is not None else view.step or 0
    total = (status.total if status is not None else None) or view.total
    phase = status.phase if status is not None and state in {"running", "paused"} else state
    if phase in {"loading", "caching", "validating", "saving"} and view.phase.name == phase:
        return _working(view, phase, width)
    spans: list[Span] = [(f"{phase} ", "strong"), (f"step {step}" + (f"/{total}" if total else ""), "text")]
    if total:
        share = min(1.0, step / total)
        spans += [(" " + bar(share, 20 if width >= 70 else 8), "accent"), (f" {100 * share:.0f} %", "text")]
    if status is not None and status.eta_s is not None and phase == "training":
        spans.append((f"  {duration(max(0.0, status.eta_s - (now - status.updated)))} left", "text"))
    if view.exit_message:
        spans.append((f"  {view.exit_message}", "dim"))
    return tuple(spans)


def _working(view: RunView, phase: str, width: int) -> Line:
    """Start-up and saving: how far the present phase is."""
    spans: list[Span] = [(f"{phase} ", "strong")]
    if view.phase.done is not None and view.phase.total:
        share = min(1.0, max(0.0, view.phase.done / view.phase.total))
        spans += [(bar(share, 20 if width >= 70 else 8), "accent"), (f" {100 * share:.0f} %  ", "text")]
    return (*spans, (view.phase.message, "dim"))


def _trouble(view: RunView, status: Status | None, state: str, now: float) -> Line:
    step = status.step if status is not None else view.step or 0
    if state == "stalled":
        silence = duration(now - status.changed) if status is not None else "a while"
        return ((f"no progress for {silence} at step {step}; the process is alive, see the log", "warn"),)
    if state == "crashed":
        return ((f"gone without a word after step {step}; `train` continues from the last save", "bad"),)
    reason = (status.error if status is not None else None) or view.exit_message or "see the log"
    return ((f"failed at step {step}: {' '.join(reason.split())}", "bad"),)


def _speed(latest: Mapping[str, float]) -> Iterator[list[Span]]:
    if "loss" in latest:
        bad = latest["loss"] != latest["loss"]
        yield [("loss ", "dim"), (f"{short(latest['loss']):<7}", "bad" if bad else "strong")]
    if "lr" in latest:
        yield [("lr ", "dim"), (f"{short(latest['lr']):<7}", "text")]
    if "grad_norm" in latest:
        yield [("grad ", "dim"), (f"{short(latest['grad_norm']):<7}", "text")]
    if "step_seconds" in latest:
        yield [("step ", "dim"), (f"{seconds_short(latest['step_seconds']):<7}", "text")]
    if "tokens_per_second" in latest:
        yield [("tokens/s ", "dim"), (f"{short(latest['tokens_per_second']):<6}", "text")]
    if latest.get("step_seconds", 0) > 0 and "data_seconds" in latest:
        yield [("data ", "dim"), (f"{100 * latest['data_seconds'] / latest['step_seconds']:.0f} %", "text")]


def _memory(latest: Mapping[str, float]) -> Iterator[list[Span]]:
    for name, title in (("memory_allocated", "VRAM"), ("memory_reserved", "reserved"), ("memory_peak", "peak")):
        if latest.get(name, 0) > 0:
            yield [(f"{title} ", "dim"), (f"{latest[name] / GIB:.1f}", "text")]
    if latest.get("host_rss", 0) > 0:
        yield [("host ", "dim"), (f"{latest['host_rss'] / GIB:.1f}", "text")]
    if "memory_allocated" in latest or "host_rss" in latest:
        yield [("GB", "dim")]


def _joined(facts: Iterator[list[Span]], width: int) -> Line:
    """As many facts as fit."""
    line: list[Span] = []
    used = 0
    for fact in facts:
        length = sum(len(text) for text, _ in fact) + (2 if line else 0)
        if used + length > width:
            break
        if line:
            line[-1] = (line[-1][0] + "  ", line[-1][1])
        line += fact
        used += length
    return tuple(line)


def bar(share: float, width: int) -> str:
    """A progress bar of ``width`` cells with half-cell steps."""
    halves = round(share * width * 2)
    full = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return full.ljust(width, "·")
