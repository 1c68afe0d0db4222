"""The form as it crosses the line: first paint, key to screen with the documentation, bytes per cursor move."""

from __future__ import annotations

import os
import select
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import presets
from schemas import render_yaml
from tests.support.terminal import Terminal

ROUNDS = 5
MOVES = 15
QUIET = 0.12
"""Seconds without a byte after which a repaint counts as complete: more than two frames."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one start of the program and a few keys showed."""

    frame: float
    """Seconds to the first line of the program."""
    fields: float
    """Seconds until the fields are there."""
    keys: list[float]
    """Seconds from a key to the last byte it caused, documentation pane included."""
    moves: list[int]
    """Bytes of each cursor move."""


def until_quiet(terminal: Terminal) -> tuple[float, int]:
    """Seconds to the last byte that comes before a pause, and how many bytes came."""
    started = last = time.perf_counter()
    count = 0
    while select.select([terminal.master], [], [], QUIET if count else 5)[0]:
        piece = os.read(terminal.master, 1 << 16)
        terminal.output += piece
        last, count = time.perf_counter(), count + len(piece)
    return last - started, count


def seen(arguments: list[str], size: tuple[int, int], state: Path, wanted: str) -> Seen:
    """Start the program, wait for ``wanted``, go down line by line."""
    started = time.perf_counter()
    terminal = Terminal(arguments, size, {"XDG_STATE_HOME": str(state), "COLORTERM": "truecolor"})
    frame = fields = 0.0
    while not fields:
        select.select([terminal.master], [], [], 5)
        terminal.output += os.read(terminal.master, 1 << 16)
        now = time.perf_counter() - started
        frame = frame or (now if b"ltx2-wizard" in terminal.output else 0.0)
        fields = now if wanted.encode() in terminal.output else 0.0
    terminal.settle()
    keys, moves = [], []
    for _ in range(MOVES):
        terminal.press(b"j")
        seconds, count = until_quiet(terminal)
        keys.append(seconds)
        moves.append(count)
    terminal.close()
    return Seen(frame or fields, fields, keys, moves)


def _line(label: str, value: str, bar: str) -> None:
    sys.stdout.write(f"{label:<34} {value:>10}   bar {bar}\n")


def main() -> None:
    """Print medians of several rounds beside the bars."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(render_yaml(presets.load("t2v_lora"), preset="t2v_lora"), encoding="utf-8")
        for size in ((80, 24), (120, 40)):
            rounds = [seen(["edit", str(config)], size, Path(folder), "Training mode") for _ in range(ROUNDS)]
            name = f"{size[0]}x{size[1]}"
            keys = [key for each in rounds for key in each.keys]
            moves = [count for each in rounds for count in each.moves]
            _line(f"first paint, frame, {name}", f"{statistics.median(each.frame for each in rounds):.3f} s", "0.7 s")
            _line(f"first paint, fields, {name}", f"{statistics.median(each.fields for each in rounds):.3f} s", "0.7 s")
            _line(f"key to screen with help, {name}", f"{statistics.median(keys) * 1000:.1f} ms", "50 ms")
            _line(f"bytes per cursor move, {name}", f"{statistics.fmean(moves):.0f} B", "1500 B")
            _line(f"  the largest of them, {name}", f"{max(moves)} B", "1500 B")
