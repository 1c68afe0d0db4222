from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.events import Clock, Recording
from trainer.rundir.columns import CAPACITY
from trainer.rundir.process import process_start
from tui.monitor.model import RunView
from tui.monitor.panels import panels_of
from tui.monitor.strip import strip_lines, verdict_line
from tui.monitor.verdict import verdict
from tui.monitor.watch import RunWatch


def test_polls_bring_what_is_new_and_only_that(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    watch = RunWatch(tmp_path, recording.clock)
    recording.start()
    recording.steps(10)
    assert watch.poll()
    assert not watch.poll()
    recording.steps(1)
    recording.half_line()
    assert watch.poll()
    recording.close()
    assert watch.view.step == 11


def test_states_follow_the_status_and_the_process(tmp_path: Path) -> None:
    clock = Clock()
    recording = Recording(tmp_path, clock=clock)
    watch = RunWatch(tmp_path, clock)
    watch.poll()
    assert watch.state == "waiting"
    recording.status("training", pid=os.getpid(), pid_start=process_start(os.getpid()))
    watch.poll()
    assert watch.state == "running"
    clock.now += 61
    watch.poll()
    assert watch.state == "stalled"
    recording.status("training", pid=2**22 + 1)
    watch.poll()
    assert watch.state == "crashed"
    recording.exit("stopped", 75)
    recording.close()
    watch.poll()
    assert watch.state == "stopped"


def test_a_trainer_that_ended_before_it_said_anything_has_failed(tmp_path: Path) -> None:
    codes: list[int | None] = [None, 4]
    watch = RunWatch(tmp_path, ended=lambda: codes.pop(0))
    watch.poll()
    assert watch.state == "waiting"
    watch.poll()
    assert watch.state == "failed"


def test_a_log_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.start()
    recording.steps(50)
    recording.close()
    watch = RunWatch(tmp_path, recording.clock)
    watch.poll()
    recording.run.events_path.unlink()
    again = Recording(tmp_path, clock=recording.clock)
    again.start()
    again.steps(3)
    again.close()
    watch.poll()
    assert watch.view.step == 3
    assert watch.view.series["loss"].last_step == 3


def test_a_killed_trainer_is_told_from_a_living_one_at_the_next_look(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    recording = Recording(tmp_path)
    recording.start()
    recording.steps(3)
    recording.status("training", pid=child.pid, pid_start=process_start(child.pid))
    watch = RunWatch(tmp_path, recording.clock)
    watch.poll()
    assert watch.state == "running"
    child.kill()
    child.wait()
    watch.poll()
    assert watch.state == "crashed", "not only after some silence"
    recording.close()


def test_a_clock_that_jumps_stalls_or_ages_nothing_for_good(tmp_path: Path) -> None:
    clock = Clock()
    recording = Recording(tmp_path, clock=clock)
    recording.start()
    recording.steps(5)
    watch = RunWatch(tmp_path, clock)
    recording.status("training", pid=os.getpid(), pid_start=process_start(os.getpid()))
    clock.now -= 86_400  # the viewer's clock is behind the trainer's by a day
    watch.poll()
    assert watch.state == "running"
    recording.steps(5)
    watch.poll()
    assert watch.view.step == 10
    recording.close()


def _caught_up(watch: RunWatch) -> RunWatch:
    while watch.behind:
        watch.poll()
    return watch


def test_a_long_history_shows_an_outline_first_and_everything_later(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.start()
    recording.steps(24_000)
    recording.checkpoint()
    recording.answer("a", "lr", 1e-5, "ok", "the schedule now starts from 1e-05")
    recording.close()
    watch = RunWatch(tmp_path, recording.clock)
    watch.poll()
    assert watch.outlined
    assert watch.behind
    loss = watch.view.series["loss"]
    assert 100 < sum(loss.bins.count) < 5000
    assert watch.view.reached > 20_000, "the end is known before the middle"
    assert not _caught_up(watch).outlined
    assert sum(watch.view.series["loss"].bins.count) == 24_000
    assert [note.kind for note in watch.view.notes][-1] == "control"
    watch.save_index()
    again = RunWatch(tmp_path, recording.clock)
    again.poll()
    assert not again.behind
    assert again.view.latest == watch.view.latest
    assert [(guide.step, guide.letter) for guide in again.view.guides] == [(24_000, "C"), (24_000, "L")]
    assert again.view.guides == watch.view.guides


def test_memory_stays_bounded_however_long_the_run(tmp_path: Path) -> None:
    view = RunView()
    for start in range(0, 200_000, 10_000):
        view.columns.take([(step, {"loss": 1.0, "lr": 1.0}) for step in range(start, start + 10_000)])
        for number in range(100):
            view.apply([{"type": "checkpoint", "t": 1.0, "step": start + number}])
            view.apply([{"type": "warning", "t": 1.0, "message": f"{number}"}])
    assert all(len(series.bins) <= CAPACITY for series in view.series.values())
    assert len(view.notes) <= 500
    assert len(view.guides) <= 2000


def test_hostile_events_never_reach_the_terminal_raw(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\x00" + "x" * 9000
    kinds = ["run", "phase", "sample", "checkpoint", "warning", "control", "link", "exit", "strange\x1b[2J", "metric"]
    fields = dict.fromkeys(("phase", "message", "path", "export", "verb", "result", "url", "state", "by", "id"), evil)
    lines = [
        {"v": 1, "t": 1.0, "type": kind, "step": 1, "index": 0, "metrics": {evil: 1.0}, **fields} for kind in kinds
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    (tmp_path / "trainer.log").write_text(evil + "\n")
    (tmp_path / "status.json").write_text(json.dumps({"run_id": evil, "host": "h", "pid": 1, "phase": evil}))
    watch = RunWatch(tmp_path)
    watch.poll()
    view = watch.view
    lines_shown = [
        *strip_lines(view, watch.status, "running", 1.0, 80, watch.plan),
        verdict_line(verdict(view, "failed"), 1, view.link, 80),
        *[((note.text, ""),) for note in view.notes],
        *[((panel.title, ""),) for panel in panels_of(view.series)],
        *[((line.text, ""),) for line in watch.log.lines],
    ]
    shown = "".join(text for line in lines_shown for text, _ in line)
    assert len(view.notes) >= 8
    assert all(char.isprintable() for char in shown)
    assert watch.state in {"failed", "crashed"}
