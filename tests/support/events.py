"""Recorded runs for the viewers' tests: a run directory written by the real writers, with a clock of its own."""

from __future__ import annotations

import math
import random
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from trainer.rundir.atomic import write_atomic
from trainer.rundir.events import EventLog
from trainer.rundir.layout import RunDirectory
from trainer.rundir.status import Status

GIB = 2**30


@dataclass(slots=True)
class Clock:
    """Unix seconds that only move when told to."""

    now: float = 1_760_000_000.0

    def __call__(self) -> float:
        return self.now


class Recording:
    """A run being written: events through EventLog, the status as the trainer's StatusWriter lays it out."""

    def __init__(self, folder: Path, *, total: int = 2000, seed: int = 0, clock: Clock | None = None) -> None:
        self.run = RunDirectory(folder)
        self.run.create()
        self.clock = clock or Clock()
        self.total = total
        self.step = 0
        self._random = random.Random(seed)
        self._log = EventLog(self.run.events_path, self.clock)

    def start(self, *, resumed_from: int | None = None) -> None:
        """The run event and the phases before the first step."""
        self._log.append(
            "run",
            run_id="recorded",
            host=socket.gethostname(),
            pid=4242,
            version="0.1.0",
            fingerprint="f" * 8,
            resumed_from=resumed_from,
            total=self.total,
            output_dir=str(self.run.path),
        )
        self.step = resumed_from or 0
        for done in range(0, 101, 25):
            self.clock.now += 2
            self.phase("loading", "reading the transformer", done, 100)
        self.phase("training", "")

    def phase(self, name: str, message: str, done: int | None = None, total: int | None = None) -> None:
        self._log.append("phase", phase=name, message=message, done=done, total=total)

    def steps(self, count: int, *, bad: range = range(0)) -> None:
        """Metric events of ``count`` further steps; those in ``bad`` have a loss that is not finite."""
        for metrics in self._metrics(count, bad):
            self.clock.now += metrics["step_seconds"]
            self._log.append("metric", step=self.step, metrics=metrics)

    def warn(self, code: str, message: str) -> None:
        self._log.append("warning", code=code, message=message)

    def checkpoint(self) -> None:
        export = self.run.lora_export_path(self.step)
        self._log.append("checkpoint", step=self.step, export=str(export), state=str(self.run.state_path(self.step)))

    def sample(self, index: int, prompt: str) -> None:
        path = self.run.sample_path(self.step, index, "mp4")
        poster = self.run.poster_path(self.step, index)
        self._log.append("sample", step=self.step, index=index, path=str(path), poster=str(poster), prompt=prompt)

    def answer(self, identity: str, verb: str, arg: object, result: str, message: str) -> None:
        """What the trainer says to a command."""
        self._log.append("control", id=identity, verb=verb, arg=arg, result=result, message=message)

    def exit(self, state: str, code: int, message: str = "") -> None:
        self._log.append("exit", state=state, code=code, message=message)

    def status(self, phase: str, *, pid: int = 2**22 + 7, pid_start: float | None = None, **more: object) -> None:
        """Write status.json. The default process id is beyond what Linux gives out: the run then counts as crashed."""
        status = Status(
            run_id="recorded",
            host=socket.gethostname(),
            pid=pid,
            pid_start=pid_start,
            phase=phase,
            step=self.step,
            total=self.total,
            changed=self.clock.now,
            updated=self.clock.now,
        )
        import json

        write_atomic(self.run.status_path, json.dumps({**asdict(status), **more}), durable=False)

    def half_line(self) -> None:
        """What a reader sees while a line is being written."""
        with self.run.events_path.open("ab") as file:
            file.write(b'{"v":1,"t":1760000000.0,"type":"metric","step":')

    def close(self) -> None:
        self._log.close()

    def _metrics(self, count: int, bad: range) -> Iterator[dict[str, float]]:
        for _ in range(count):
            self.step += 1
            trend = 0.35 * math.exp(-self.step / 600) + 0.12
            video = trend + self._random.gauss(0, 0.03)
            audio = 0.8 * trend + self._random.gauss(0, 0.02)
            loss = math.nan if self.step in bad else (video + audio) / 2
            seconds = 3.2 + self._random.gauss(0, 0.05)
            yield {
                "loss": loss,
                "loss/video": video,
                "loss/audio": audio,
                "loss/sigma_0.50-0.75": video * 0.9,
                "lr": 1e-4 * (1 - self.step / (self.total + 1)),
                "grad_norm": 0.4 + abs(self._random.gauss(0, 0.1)),
                "step_seconds": seconds,
                "data_seconds": 0.02,
                "compute_seconds": seconds - 0.05,
                "tokens_per_second": 2268 / seconds,
                "memory_allocated": 21.4 * GIB,
                "memory_reserved": 23.0 * GIB,
                "memory_peak": 22.7 * GIB,
                "host_rss": 6.1 * GIB,
            }
