"""The monitor as it crosses the line, beside a viewer made with textual-plotext on the same data in the same run.

Attaching to logs of 1e3 to 1e6 steps with ten metrics each: seconds to the first dot of a chart, and to the moment when
the program has nothing left to do. Watching: one step a second is appended; bytes and CPU of each update. Everything is
the real program on a pseudo terminal of 80x24, CPU is what the kernel charges its process.
"""

from __future__ import annotations

import os
import random
import select
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks import wizard
from tests.support.events import Recording
from tests.support.terminal import Terminal
from trainer.rundir.index_file import index_path
from trainer.rundir.layout import RunDirectory
from trainer.rundir.process import process_start

SIZE = (80, 24)
LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
PLOTEXT_MOST = 100_000
"""The other viewer draws every point at every update; a million of them take it minutes."""
WATCHED = 10_000
UPDATES = 20
IDLE_SECONDS = 1.0
PATIENCE = 240.0
TICK = 1 / os.sysconf("SC_CLK_TCK")
METRICS = ("loss", "loss/video", "loss/audio", "lr", "grad_norm", "step_seconds", "data_seconds", "tokens_per_second",
           "memory_peak", "host_rss")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attached:
    """How long one start took, in seconds of the clock and of the processor."""

    first: float
    done: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Watched:
    """What each update cost, and watching as a whole."""

    sizes: list[int]
    cpu_per_update: float
    share: float
    """Of one processor core, between the first and the last update."""


def write_log(folder: Path, steps: int) -> RunDirectory:
    """A run of ``steps`` steps that counts as alive as long as this process is."""
    recording = Recording(folder, total=steps + 1000)
    recording.clock.now = time.time() - steps
    recording.start()
    recording.close()
    source = random.Random(0)  # noqa: S311 - a curve, no secret
    began = time.time() - steps
    with recording.run.events_path.open("ab") as file:
        for step in range(1, steps + 1):
            metrics = {name: source.random() for name in METRICS}
            event = {"v": 1, "t": began + step, "type": "metric", "step": step, "metrics": metrics}
            file.write(orjson.dumps(event) + b"\n")
    _say_alive(recording, steps)
    return recording.run


def _say_alive(recording: Recording, step: int) -> None:
    recording.step, recording.clock.now = step, time.time()
    recording.status("training", pid=os.getpid(), pid_start=process_start(os.getpid()))


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


def has_dots(output: bytes) -> bool:
    """Whether a braille character other than the empty one was written."""
    return any(0x2801 <= ord(character) <= 0x28FF for character in output.decode("utf-8", "ignore"))


def attach(terminal: Terminal, started: float) -> Attached:
    """Wait for the first dot, then until the process is idle."""
    first = 0.0
    cpu, moved = 0.0, time.perf_counter()
    while time.perf_counter() - moved < IDLE_SECONDS or not first:
        if time.perf_counter() - started > PATIENCE:
            return Attached(first or float("inf"), float("inf"), cpu)
        if select.select([terminal.master], [], [], 0.02)[0]:
            piece = os.read(terminal.master, 1 << 16)
            terminal.output += piece
            if not first and has_dots(piece):
                first = time.perf_counter() - started
        now = cpu_seconds(terminal.process.pid)
        if now - cpu > TICK:  # an idle viewer looks at its files a few times a second, for well under a tick each
            cpu, moved = now, time.perf_counter()
    return Attached(first, moved - started, cpu)


def watch(terminal: Terminal, run: RunDirectory, step: int) -> Watched:
    """Append a step a second and count what comes."""
    recording = Recording(run.path, total=step + 1000)
    recording.step = step
    sizes = []
    terminal.read(0.5)
    pid = terminal.process.pid
    cpu, began = cpu_seconds(pid), time.perf_counter()
    for _ in range(UPDATES):
        due = time.perf_counter() + 1.0
        recording.clock.now = time.time()
        recording.steps(1)
        _say_alive(recording, recording.step)
        count = 0
        while (left := due - time.perf_counter()) > 0:
            count += len(terminal.read(left))
        sizes.append(count)
    spent = cpu_seconds(pid) - cpu
    recording.close()
    return Watched(sizes, spent / UPDATES, spent / (time.perf_counter() - began))


def _monitor(run: RunDirectory, state: Path) -> Terminal:
    return Terminal(["monitor", str(run.path)], SIZE, {"XDG_STATE_HOME": str(state)})


def _plotext(run: RunDirectory) -> Terminal:
    environment = {"TEXTUAL_ANIMATIONS": "none", "COLORTERM": "truecolor"}
    return Terminal([str(run.events_path)], SIZE, environment, module="benchmarks.plotext_viewer")


def _started(run: RunDirectory, state: Path | None) -> tuple[Terminal, Attached]:
    began = time.perf_counter()
    terminal = _plotext(run) if state is None else _monitor(run, state)
    return terminal, attach(terminal, began)


def _attaching(folder: Path) -> Iterator[str]:
    yield f"{'attach, 80x24':<34} {'first dot':>10} {'all read':>10} {'CPU':>8}   bar 1 s, 10 s"
    for steps in LENGTHS:
        run = write_log(folder / f"run-{steps}", steps)
        starts: list[tuple[str, Path | None]] = [("without an index", folder / "state")]
        starts += [("again", folder / "state")]
        starts += [("textual-plotext", None)] if steps <= PLOTEXT_MOST else []
        for name, state in starts:
            if name == "without an index":
                index_path(run.events_path).unlink(missing_ok=True)
            terminal, found = _started(run, state)
            terminal.close()
            label = f"{steps:>9,} steps, {name}"
            yield f"{label:<34} {found.first:>8.2f} s {found.done:>8.2f} s {found.cpu:>6.2f} s"
        if steps != WATCHED:
            run.events_path.unlink()


def _watching(folder: Path) -> Iterator[str]:
    yield f"{f'watching {WATCHED:,} steps at 1 Hz':<34} {'bytes':>7} {'largest':>8} {'CPU':>9}   bar 1000 B, 3 %"
    for name in ("monitor", "textual-plotext"):
        run = write_log(folder / f"watched-{name}", WATCHED)
        terminal, _ = _started(run, folder / "state" if name == "monitor" else None)
        found = watch(terminal, run, WATCHED)
        terminal.close()
        mean, most = statistics.fmean(found.sizes), max(found.sizes)
        cpu = f"{found.cpu_per_update * 1000:>6.0f} ms   {found.share:.1%} of a core"
        yield f"{name:<34} {mean:>5.0f} B {most:>6} B {cpu}"


def main() -> None:
    """Print everything beside its bar, the form of the wizard first."""
    wizard.main()
    with tempfile.TemporaryDirectory() as folder:
        for line in (*_attaching(Path(folder)), *_watching(Path(folder))):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
