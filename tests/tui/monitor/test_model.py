from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.events import Recording
from trainer.rundir.events import EventReader
from tui.monitor.model import RunView


def _view(folder: Path) -> RunView:
    view = RunView()
    view.take(EventReader(folder / "events.jsonl").poll(max_seconds=5))
    return view


def test_a_recorded_run(tmp_path: Path) -> None:
    recording = Recording(tmp_path, total=400)
    recording.start()
    recording.steps(100, bad=range(40, 45))
    recording.checkpoint()
    recording.warn("disk", "getting full")
    recording.exit("finished", 0)
    recording.close()
    view = _view(tmp_path)
    assert view.step == 100
    assert view.total == 400
    assert view.exit_state == "finished"
    assert sum(view.series["loss"].bins.bad) == 5
    assert math.isfinite(view.latest["loss"])
    kinds = [note.kind for note in view.notes]
    assert kinds == ["run", "phase", "phase", "checkpoint", "warning", "exit"], "progress of one phase is one line"


def test_a_resumed_run_forgets_the_steps_that_are_done_again(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.start()
    recording.steps(120)
    recording.start(resumed_from=100)
    recording.steps(5)
    recording.close()
    view = _view(tmp_path)
    assert view.step == 105
    assert view.series["loss"].last_step == 105
    assert sum(view.series["loss"].bins.count) == 105


def test_a_run_started_anew_forgets_everything_and_its_end(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.start()
    recording.steps(10)
    recording.exit("failed", 5, "loss is not finite")
    recording.start()
    recording.close()
    view = _view(tmp_path)
    assert view.exit_state is None
    assert not len(view.series["loss"].bins)
    assert view.latest == {}


_value = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        7,
        10**30,
        1.5,
        math.nan,
        math.inf,
        "",
        "NaN",
        "text",
        [],
        ["a"],
        {},
        {"loss": 1},
        {"loss": "x"},
    ]
)
_fields = st.sampled_from(
    ["type", "t", "step", "metrics", "phase", "message", "done", "total", "resumed_from", "code", "state", "loss"]
)
_kinds = st.sampled_from(["run", "phase", "metric", "exit", "control", "warning", "sample", "checkpoint", "else"])


@settings(deadline=None)
@given(st.lists(st.tuples(_kinds, st.dictionaries(_fields, _value, max_size=6)), max_size=8))
def test_no_record_however_odd_is_an_error(events: list[tuple[str, dict[str, Any]]]) -> None:
    view = RunView()
    view.take([{**fields, "type": kind} for kind, fields in events])
    assert len(view.latest) <= len(view.series)
    for series in view.series.values():
        series.refresh_smooth()
