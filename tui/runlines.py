"""A run as one line of a list, and as the three lines that tell more of it."""

from __future__ import annotations

import os

from trainer.rundir.runs import RunSummary
from tui.charts.ticks import short
from tui.monitor.strip import STATE_STYLES
from tui.monitor.wording import duration
from tui.overview import RunRow, file_size, sparkline
from tui.text import Line, Span, clean_line, fit


def run_line(row: RunRow, width: int, now: float, *, marked: bool = False) -> Line:
    """State, steps, loss and curve; size, age and verdict where there is room; the name takes the rest."""
    run = row.summary
    steps = f"{run.step}/{run.total}" if run.total else str(run.step)
    loss = short(run.loss) if run.loss is not None else "-"
    seen = f"{duration(max(0.0, now - run.updated))} ago" if run.updated else "-"
    spans: list[Span] = [
        ("*" if marked else " ", "accent"),
        (f"{run.state:<9}", STATE_STYLES.get(run.state, "text")),
        (f"{steps:>13} ", "text"),
        (f"{loss:>8} ", "strong"),
    ]
    if width >= 70:
        spans.append((f"{fit(sparkline(row.curve[-12:]), 12)} ", "accent"))
    if width >= 110:
        spans.append((f"{file_size(row.size):>7} ", "dim"))
    if width >= 90:
        spans.append((f"{seen:>12} ", "dim"))
    if width >= 150:
        words, style = (row.verdict.words, row.verdict.style) if row.verdict else ("", "text")
        spans.append((f"{fit(clean_line(words), 40)} ", style))
    room = width - sum(len(text) for text, _ in spans)
    name = os.path.relpath(row.dir) if not row.dir.is_absolute() else str(row.dir)
    return (*spans, (fit(clean_line(name), max(0, room), keep_end=True), "text"))


def home_line(run: RunSummary, now: float) -> Line:
    """What stands before the name of a run on the home screen."""
    steps = f"{run.step}/{run.total}" if run.total else str(run.step)
    loss = f"loss {short(run.loss)}" if run.loss is not None else ""
    ago = f"{duration(now - run.updated)} ago" if run.updated else ""
    return (
        (f"   {run.state:<9} ", STATE_STYLES.get(run.state, "text")),
        (f"{steps:<12} {loss:<13} {ago:<12} ", "dim"),
    )


def detail_lines(row: RunRow, width: int, now: float) -> list[Line]:
    """Where it lies and how large it is; how it goes, why, and what helps."""
    run = row.summary
    age = f", begun {duration(max(0.0, now - row.began))} ago" if row.began else ""
    facts = f": {file_size(row.size)}{age}"
    where = clean_line(str(run.dir))
    room = max(0, width - len(facts))
    place = fit((where if len(where) <= room else fit(where, room, keep_end=True)) + facts, width)
    if row.verdict is None:
        said: Line = (("its history is long; watch it to have it read", "dim"),)
        return [((place, "dim"),), said]
    why = f"{row.verdict.reason}. {row.verdict.remedy}".strip(". ")
    message = run.message if run.state == "failed" and run.message else why
    return [
        ((place, "dim"),),
        ((fit(clean_line(row.verdict.words), width), row.verdict.style),),
        ((fit(clean_line(message), width), "text"),),
    ]
