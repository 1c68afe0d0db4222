"""What a person waits for: help, check, the first paint of the app, and a key press, each as a whole process."""

from __future__ import annotations

import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import presets
from schemas import render_yaml
from tests.support.terminal import Terminal

ROUNDS = 7


def _command(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "tui", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    return time.perf_counter() - started


def _paint_and_key(config: Path, state: Path) -> tuple[float, list[float]]:
    """Seconds to the first full paint of the wizard at 80x24, and from a key to the moved cursor.

    The pane that documents the field follows with the next frame and is not waited for.
    """
    started = time.perf_counter()
    terminal = Terminal(["edit", str(config)], (80, 24), {"XDG_STATE_HOME": str(state)})
    terminal.wait_for("Checkpoint")
    paint = time.perf_counter() - started
    terminal.settle()
    keys = []
    for _ in range(10):
        pressed = time.perf_counter()
        terminal.press(b"\x1b[B")
        select.select([terminal.master], [], [], 5)
        keys.append(time.perf_counter() - pressed)
        terminal.read(0.5)
    terminal.close()
    return paint, keys


def main() -> None:
    """Print medians of several rounds beside the bars."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(render_yaml(presets.load("t2v_lora"), preset="t2v_lora"), encoding="utf-8")
        for label, bar, arguments in (
            ("--help", 0.3, ["--help"]),
            ("check (nothing there)", 2.0, ["check", str(config)]),
        ):
            found = statistics.median(_command(*arguments) for _ in range(ROUNDS))
            sys.stdout.write(f"{label:<24} {found:6.3f} s   bar {bar} s\n")
        measured = [_paint_and_key(config, Path(folder)) for _ in range(ROUNDS)]
        paint = statistics.median(one for one, _ in measured)
        key = statistics.median(key for _, keys in measured for key in keys)
        sys.stdout.write(f"{'first paint, 80x24':<24} {paint:6.3f} s   bar 0.7 s\n")
        sys.stdout.write(f"{'key to screen':<24} {key * 1000:6.1f} ms  bar 50 ms\n")
