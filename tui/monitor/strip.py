"""The lines above the charts: state, progress, speed, memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from trainer.rundir.status import Status
from tui.charts.ticks import short
from tui.monitor.model import RunView
from tui.monitor.plan import Plan, next_due
from tui.monitor.verdict import Verdict
from tui.monitor.wording import GIB, duration, seconds_short
from tui.text import Line, Span, clean_line, fit, width_of

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


def title_line(folder: Path, state: str, notice: str, width: int) -> Line:
    """Which run, its state, and the last thing that was asked of it; the notice matters more than the whole name."""
    spans = [(f" {state.upper()} ", STATE_STYLES.get(state, "text"))]
    name = clean_line(f"{folder.parent.name}/{folder.name}" if folder.parent.name else str(folder))
    notice = clean_line(notice)
    room = max(0, width - width_of(tuple(spans)) - 1)
    share = room - min(width_of(((notice, ""),)) + 2, room * 2 // 3) if notice else room
    spans.append((" " + fit(name, min(share, width_of(((name, ""),))), keep_end=True), "strong"))
    if notice:
        left = max(0, width - width_of(tuple(spans)) - 2)
        spans.append(("  " + fit(notice, left).rstrip(), "accent"))
    return tuple(spans)


def verdict_line(found: Verdict, more: int, link: str, width: int) -> Line:
    """Is it going well? In one line; ``more`` findings are behind a key. ``link`` is shown when there is room."""
    tail = f"  (+{more}, w)" if more else ""
    words = fit(found.words, min(max(0, width - len(tail)), width_of(((found.words, ""),))))
    line: list[Span] = [(words, found.style), (tail, "dim")]
    room = width - width_of(tuple(line))
    if len(found.reason) + 3 <= room - (len(link) + 2 if link else 0):
        line.append((f"  {found.reason}", "dim"))
        room -= len(found.reason) + 2
    if link and len(link) + 2 <= room:
        line.append((f"  {link}", "accent"))
    return tuple(line)


def why_empty(state: str, trouble: str) -> str:
    """Why no value will come any more; empty while one may."""
    match state:
        case "failed":
            return f"failed: {clean_line(' '.join(trouble.split()))}" if trouble else "failed; the log says why (3)"
        case "crashed":
            return "the trainer is gone without a word; the end of its log may tell more (3)"
        case "finished" | "stopped":
            return f"{state} before the first step"
    return ""


def strip_lines(
    view: RunView, status: Status | None, state: str, now: float, width: int, plan: Plan | None = None
) -> list[Line]:
    """Two or three lines, each fitting ``width`` as well as it can; what matters most comes first."""
    latest = view.latest
    lines = [(*_progress(view, status, state, now, width), *_coming(view, status, state, plan))]
    if latest:
        lines.append(_joined(_speed(latest), width))
        lines.append(_joined(_memory(latest), width))
    return lines


_SHORT: Final = {"checkpoint": "save", "validation": "samples"}


def _coming(view: RunView, status: Status | None, state: str, plan: Plan | None) -> Line:
    """Steps until the next checkpoint and the next validation."""
    if (
        state not in {"running", "paused"}
        or plan is None
        or status is None
        or status.phase not in {"training", "paused"}
    ):
        return ()
    spans: list[Span] = []
    for name, planned in (("checkpoint", plan.checkpoint_interval), ("validation", plan.validation_interval)):
        left = next_due(status.step, view.intervals.get(name, planned), status.total)
        if left is not None:
            spans += [(f"  {_SHORT[name]} in ", "dim"), (str(left), "text")]
    return tuple(spans)


def _progress(view: RunView, status: Status | None, state: str, now: float, width: int) -> Line:
    if state in {"failed", "crashed", "stalled"}:
        return _trouble(view, status, state, now)
    step = status.step if status is not None else view.step or 0
    total = (status.total if status is not None else None) or view.total
    phase = clean_line(status.phase) if status is not None and state in {"running", "paused"} else state
    if phase in {"loading", "caching", "validating", "saving"} and view.phase.name == phase:
        return _working(view, phase, width)
    spans: list[Span] = [(f"{phase} ", "strong"), (f"step {step}" + (f"/{total}" if total else ""), "text")]
    if total:
        share = min(1.0, step / total)
        if not view.exit_message or width_of(tuple(spans)) + _bar_width(width) + len(view.exit_message) + 9 <= width:
            spans.append((" " + bar(share, _bar_width(width)), "accent"))
        spans.append((f" {100 * share:.0f} %", "text"))
    if status is not None and status.eta_s is not None and phase == "training":
        spans.append((f"  {duration(max(0.0, status.eta_s - (now - status.updated)))} left", "text"))
    if view.exit_message:
        room = max(0, width - width_of(tuple(spans)) - 2)
        spans.append((f"  {fit(view.exit_message, room).rstrip()}", "dim"))
    return tuple(spans)


def _working(view: RunView, phase: str, width: int) -> Line:
    """Start-up and saving: how far the present phase is."""
    spans: list[Span] = [(f"{phase} ", "strong")]
    if view.phase.done is not None and view.phase.total:
        share = min(1.0, max(0.0, view.phase.done / view.phase.total))
        spans += [(bar(share, _bar_width(width)), "accent"), (f" {100 * share:.0f} %  ", "text")]
    return (*spans, (view.phase.message, "dim"))


def _trouble(view: RunView, status: Status | None, state: str, now: float) -> Line:
    step = status.step if status is not None else view.step or 0
    if state == "stalled":
        silence = duration(now - status.changed) if status is not None else "a while"
        return ((f"no progress for {silence} at step {step}; the process is alive, see the log", "warn"),)
    if state == "crashed":
        return ((f"gone without a word after step {step}; `train` continues from the last save", "bad"),)
    reason = (status.error if status is not None else None) or view.exit_message or "see the log"
    return ((f"failed at step {step}: {clean_line(' '.join(reason.split()))}", "bad"),)


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
    if latest.get("memory_reserved", 0) > 0 and latest.get("memory_total", 0) > 0:
        share = latest["memory_reserved"] / latest["memory_total"]
        yield [("card ", "dim"), (f"{100 * share:.0f} % full", "warn" if share > 0.95 else "text")]
    if "gpu_utilization" in latest:
        yield [("busy ", "dim"), (f"{latest['gpu_utilization']:.0f} %", "text")]
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


def _bar_width(width: int) -> int:
    """Cells of the progress bar; at 80 columns what comes next has to fit behind it."""
    return 20 if width >= 100 else 10 if width >= 70 else 8


def bar(share: float, width: int) -> str:
    """A progress bar of ``width`` cells with half-cell steps."""
    halves = round(share * width * 2)
    full = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return full.ljust(width, "·")
