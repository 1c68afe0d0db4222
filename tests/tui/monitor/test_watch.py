from __future__ import annotations

import os
from pathlib import Path

from tests.support.events import Clock, Recording
from trainer.rundir.process import process_start
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
