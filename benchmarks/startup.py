"""What a person waits for on the command line: help and check, each as a whole process."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import presets
from schemas import render_yaml

ROUNDS = 7


def _command(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "tui", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    return time.perf_counter() - started


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
