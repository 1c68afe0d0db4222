from __future__ import annotations

import json
import math
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.rundir import EventLog, EventReader, read_tail
from trainer.rundir.events import MAX_LINE_BYTES, encode_event

_WRITER = """
import sys
from pathlib import Path
from trainer.rundir.events import EventLog
log = EventLog(Path(sys.argv[1]))
for number in range(10**9):
    log.append("metric", step=number, metrics={"loss": 0.5, "text": "y" * (number % 5000)})
    if number == 5:
        print("going", flush=True)
"""


def _line(step: int, **more: Any) -> bytes:
    return encode_event({"v": 1, "t": 1.0, "type": "metric", "step": step, **more})


def _steps(events: list[dict[str, Any]]) -> list[int]:
    return [event["step"] for event in events]


def test_round_trip_with_version_time_and_type(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path, clock=lambda: 12.5) as log:
        log.append("phase", phase="training", message="é\nzwei \u2028 Zeilen")
        log.append("metric", step=1, metrics={"loss": 0.25})
    assert path.read_bytes().count(b"\n") == 2
    assert EventReader(path).poll() == [
        {"v": 1, "t": 12.5, "type": "phase", "phase": "training", "message": "é\nzwei \u2028 Zeilen"},
        {"v": 1, "t": 12.5, "type": "metric", "step": 1, "metrics": {"loss": 0.25}},
    ]


def test_non_finite_numbers_are_strict_json_and_come_back(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log.append("metric", step=1, metrics={"a": math.nan, "b": math.inf, "c": -math.inf, "d": 1}, note="NaN")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    raw = json.loads(path.read_text(), parse_constant=refuse)
    assert raw["metrics"] == {"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": 1}
    (event,) = EventReader(path).poll()
    assert math.isnan(event["metrics"]["a"])
    assert (event["metrics"]["b"], event["metrics"]["c"], event["note"]) == (math.inf, -math.inf, "NaN")


def test_half_line_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert reader.poll() == []
    line = _line(1, text="é" * 10)
    for cut in range(1, len(line)):
        path.write_bytes(line[:cut])
        reader = EventReader(path)
        assert reader.poll() == []
        with path.open("ab") as file:
            file.write(line[cut:])
        assert _steps(reader.poll()) == [1]
    assert reader.restarts == 0


def test_a_new_writer_closes_off_a_half_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(_line(1) + _line(2)[:20])
    reader = EventReader(path)
    assert _steps(reader.poll()) == [1]
    with EventLog(path) as log:
        log.append("metric", step=3, metrics={})
    assert _steps(reader.poll()) == [3]
    assert reader.garbage == 1


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.013, 0.031, 0.05])
def test_kill_9_loses_at_most_the_last_line(tmp_path: Path, delay: float) -> None:
    path = tmp_path / "events.jsonl"
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(delay)
        writer.send_signal(signal.SIGKILL)
    reader = EventReader(path)
    steps = _steps(reader.poll(30))
    assert steps == list(range(len(steps)))
    assert len(steps) >= 6
    with EventLog(path) as log:
        log.append("metric", step=-1, metrics={})
    assert _steps(reader.poll(30)) == [-1]
    assert reader.garbage <= 1


def test_two_processes_append_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    code = _WRITER.replace("range(10**9)", "range(1500)")
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    reader = EventReader(path)
    assert sorted(_steps(reader.poll(30))) == sorted([*range(1500), *range(1500)])
    assert reader.garbage == 0


def test_truncation_replacement_and_rewriting_start_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(_line(1) + _line(2))
    reader = EventReader(path)
    assert _steps(reader.poll()) == [1, 2]
    os.truncate(path, len(_line(1)))
    assert _steps(reader.poll()) == [1]
    other = tmp_path / "other"
    other.write_bytes(_line(5) + _line(6) + _line(7))
    other.rename(path)
    assert _steps(reader.poll()) == [5, 6, 7]
    with path.open("r+b") as file:  # cut, and grown beyond the old place before the next look
        file.truncate(0)
        file.write(b"".join(_line(step) for step in range(20, 30)))
    assert _steps(reader.poll()) == list(range(20, 30))
    assert reader.restarts == 3
    path.unlink()
    assert reader.poll() == []


def test_garbage_giants_and_other_versions_are_counted_not_fatal(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    giant = b'{"v":1,"t":1,"type":"x","s":"' + b"z" * (3 * MAX_LINE_BYTES) + b'"}\n'
    bad = [b"\xff\xfe\n", b"not json\n", b"[1]\n", b"{},{}\n", b'{"v":1,"type":"x"}\n', b"[" * 50_000 + b"\n", b"\n"]
    path.write_bytes(_line(1) + b"".join(bad) + giant + b'{"v":2,"t":1,"type":"metric","step":9}\n' + _line(2))
    reader = EventReader(path)
    assert _steps(reader.poll(30)) == [1, 2]
    assert (reader.garbage, reader.oversized, reader.other_versions) == (6, 1, 1)


def test_a_giant_line_without_end_does_not_fill_memory(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        file.write(_line(1) + b"x" * (2 * MAX_LINE_BYTES))
    reader = EventReader(path)
    assert _steps(reader.poll(30)) == [1]
    assert reader._buffer == b""
    with path.open("ab") as file:
        file.write(b"end\n" + _line(2))
    assert _steps(reader.poll(30)) == [2]
    assert reader.oversized == 1


def test_poll_is_time_boxed_and_always_advances(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    total = 40_000
    path.write_bytes(b"".join(_line(step, metrics={"loss": 0.1, "lr": 1e-4}) for step in range(total)))
    reader = EventReader(path)
    steps: list[int] = []
    polls = 0
    while not polls or reader.behind:
        before = reader.offset
        steps += _steps(reader.poll(0.0))
        polls += 1
        assert reader.offset > before
    assert steps == list(range(total))
    assert polls > 10


def test_tail_reads_only_the_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert read_tail(path) == []
    path.write_bytes(b"".join(_line(step) for step in range(1000)))
    events = read_tail(path, max_bytes=500)
    assert 0 < len(events) < 12
    assert _steps(events)[-1] == 999
    assert len(read_tail(path, max_bytes=1 << 20)) == 1000


def _fill_the_disk(path: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = EventLog(Path(path))
    log.append("metric", step=0, metrics={})
    resource.setrlimit(resource.RLIMIT_FSIZE, (250, resource.RLIM_INFINITY))
    for step in range(1, 10):
        log.append("metric", step=step, metrics={})
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    log.append("metric", step=99, metrics={})
    print(log.lost)


def test_full_disk_is_survived_counted_and_told(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    code = f"from tests.trainer.rundir.test_events import _fill_the_disk; _fill_the_disk({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("events are being lost") == 1
    lost = int(done.stdout)
    reader = EventReader(path)
    events = reader.poll()
    written = [event["step"] for event in events if event["type"] == "metric"]
    assert written == [*range(10 - lost), 99]
    assert 0 < lost < 9
    (warning,) = [event for event in events if event["type"] == "warning"]
    assert warning["code"] == "events_lost"
    assert str(lost) in warning["message"]
    assert reader.garbage == 1


def test_oversized_event_is_refused_when_written(tmp_path: Path) -> None:
    with EventLog(tmp_path / "e") as log, pytest.raises(ValueError, match="at most"):
        log.append("warning", message="x" * MAX_LINE_BYTES)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=12), st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_no_bytes_break_the_reader(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cuts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "events.jsonl"
    data = b"\n".join(lines) + b"\n" + _line(7)
    reader = EventReader(path)
    events = []
    position = 0
    with path.open("ab", buffering=0) as file:
        for index in range(len(data)):
            if position >= len(data):
                break
            size = cuts[index % len(cuts)]
            file.write(data[position : position + size])
            position += size
            events += reader.poll()
    assert events[-1]["step"] == 7
    assert len(events) == 1
