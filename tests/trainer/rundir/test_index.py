"""The index beside the log: it says what the log says, and is not believed when the log is another."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import pytest

from trainer.rundir import index as module
from trainer.rundir import index_file
from trainer.rundir.events import EventLog
from trainer.rundir.index import EventIndex, resumed_step
from trainer.rundir.index_file import index_path

STEPS = 5000


def _write(log: EventLog, first: int, count: int, *, source: random.Random) -> None:
    for step in range(first, first + count):
        bucket = f"loss/sigma_{source.randrange(4)}"
        log.append("metric", step=step, metrics={"loss": source.random(), "memory": 10**9 + step, bucket: 0.5})
        if step % 500 == 0:
            log.append("checkpoint", step=step, export=f"step {step}", state=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "events.jsonl"
    with EventLog(made, lambda: 5.0) as log:
        log.append("run", run_id="a", resumed_from=None, total=STEPS)
        _write(log, 1, STEPS, source=random.Random(0))
    return made


def _read(path: Path) -> EventIndex:
    index = EventIndex.open(path)
    while index.behind:
        before = index.offset
        assert all(event["type"] != "metric" for event in index.catch_up(0.01))
        assert index.offset > before
    return index


def test_it_is_written_and_then_nothing_is_left_to_read(path: Path) -> None:
    first = _read(path)
    assert first.save(least=1)
    again = EventIndex.open(path)
    assert not again.behind
    assert again.columns == first.columns
    assert list(again.marks) == list(first.marks)
    assert [mark["type"] for mark in again.marks][:2] == ["run", "checkpoint"]
    assert again.columns.by_name["loss"].count[-1] > 0
    assert not again.save(), "nothing new is not worth a write"


def test_only_what_came_later_is_read(path: Path) -> None:
    _read(path).save(least=1)
    with EventLog(path) as log:
        _write(log, STEPS + 1, 700, source=random.Random(1))
        os.write(log._descriptor, b'{"v":1,"t":5,"type":"metr')  # half a line is no obstacle and not part of an index
    later = EventIndex.open(path)
    start = later.offset
    assert start == index_file.load(path).offset  # type: ignore[union-attr]
    while later.behind:
        later.catch_up()
    index_path(path).unlink()
    assert later.columns == _read(path).columns
    assert later.save(least=1)
    assert EventIndex.open(path).offset < path.stat().st_size


def test_a_copied_run_keeps_its_index(path: Path, tmp_path: Path) -> None:
    index = _read(path)
    index.save(least=1)
    copy = tmp_path / "copy" / "events.jsonl"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    index_path(copy).write_bytes(index_path(path).read_bytes())
    assert not EventIndex.open(copy).behind


def _shorter(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _rotated(path: Path) -> None:
    path.rename(path.with_name("events.old.jsonl"))
    with EventLog(path) as log:
        _write(log, 1, 50, source=random.Random(2))


def _rewritten_at_the_front(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"run_id":"a"', b'"run_id":"b"', 1))


def _rewritten_at_the_end(path: Path) -> None:
    data = path.read_bytes()
    assert data.endswith(b'"step 5000","state":null}\n')
    path.write_bytes(data[:-40] + data[-40:].replace(b"5000", b"5001"))


def _index_cut(path: Path) -> None:
    os.truncate(index_path(path), 500)


def _index_flipped(path: Path) -> None:
    data = bytearray(index_path(path).read_bytes())
    data[len(data) // 2] ^= 1
    index_path(path).write_bytes(data)


def _index_empty(path: Path) -> None:
    index_path(path).write_bytes(b"")


def _index_forged(path: Path) -> None:
    """A right sum over wrong contents."""
    for body in (b"", b"\x02\0\0\0{}", b"\xff\xff\xff\x7f", b"\x02\0\0\0[]"):
        index_path(path).write_bytes(index_file.MAGIC + hashlib.sha256(body).digest() + body)
        assert index_file.load(path) is None


@pytest.mark.parametrize(
    "harm",
    [_shorter, _rotated, _rewritten_at_the_front, _rewritten_at_the_end,
     _index_cut, _index_flipped, _index_empty, _index_forged],
)  # fmt: skip
def test_an_index_that_does_not_fit_is_not_believed(path: Path, harm: object) -> None:
    index = _read(path)
    index.save(least=1)
    assert callable(harm)
    harm(path)
    found = EventIndex.open(path)
    assert found.offset == 0
    assert not found.columns.by_name
    while found.behind:
        found.catch_up()
    assert 0 < found.columns.last_step <= STEPS


def test_a_log_that_is_replaced_while_watched_starts_over(path: Path) -> None:
    index = _read(path)
    _rotated(path)
    index.poll()
    assert index.restarts == 1
    assert index.columns.last_step == 50
    assert all(mark["type"] != "run" for mark in index.marks)


def test_a_resumed_run_forgets_what_it_does_again(path: Path) -> None:
    with EventLog(path) as log:
        log.append("run", run_id="b", resumed_from="/runs/fox_2/checkpoints/step_000500", total=STEPS)
        log.append("metric", step=501, metrics={"loss": 0.25})
    index = _read(path)
    assert index.columns.last_step == 501
    assert index.columns.by_name["loss"].last == 0.25


def test_what_a_run_goes_on_from() -> None:
    assert resumed_step({"resumed_from": "/out/step_000100/checkpoints/step_000500"}) == 500
    assert resumed_step({"resumed_from": 7}) == 7
    nothings: tuple[object, ...] = (None, "elsewhere", -1, True, [], 1.5, "step_" + "9" * 40)
    for nothing in nothings:
        assert resumed_step({"resumed_from": nothing}) is None


def test_the_outline_of_a_long_log_comes_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FAR_BEHIND", 1000)
    index = EventIndex.open(path)
    assert index.outline is not None
    loss = index.outline.by_name["loss"]
    assert index.outline.last_step > 0.9 * STEPS
    assert sum(1 for count in loss.count if count) > 0.9 * len(loss)
    while index.behind:
        index.catch_up()
    assert index.outline is None


def test_a_folder_that_cannot_be_written_is_no_trouble(path: Path) -> None:
    index = _read(path)
    index_path(path).mkdir()  # a rename cannot replace a directory by a file, whoever tries
    assert not index.save(least=1)


def test_hostile_marks_stay_out_of_it(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"v":1,"t":1,"type":"deep","x":' + b"[" * 900 + b"]" * 900 + b"}\n")
        file.write(b'{"v":1,"t":1,"type":"long","x":"' + b"x" * 100_000 + b'"}\n')
        file.write(b'{"v":1,"t":1,"type":"odd","x":"\\ud800","n":' + b"9" * 400 + b',"y":NaN}\n')
        file.write(b'{"v":1,"t":1e999,"type":"late"}\n')
    index = _read(path)
    assert "long" not in {mark["type"] for mark in index.marks}
    assert index.save(least=1)
    assert EventIndex.open(path).offset == index.offset


def test_a_missing_log_is_an_empty_one(tmp_path: Path) -> None:
    index = EventIndex.open(tmp_path / "absent")
    assert not index.behind
    assert not index.catch_up(0.01)
    assert index.poll() == []
    assert not index.save(least=0)
