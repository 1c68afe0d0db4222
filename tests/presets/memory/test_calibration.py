"""Measurements: what is written is read back, garbage is passed over, and nothing is claimed that was not measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from presets.memory import FORMULAS_ALONE, GIB, Card, estimate, weigh
from presets.memory.calibration import Measurement, apply, calibration_path, load, record
from tests.presets.memory.support import LARGE

ONE = Measurement(
    card="NVIDIA Test",
    model="2.3",
    mode="lora/unquantized",
    predicted={"training_step": 40 * GIB, "validation": 20 * GIB},
    measured={"training_step": 41 * GIB, "validation": 22 * GIB},
    reserved=43 * GIB,
)


def with_step(measured: float) -> Measurement:
    return replace(ONE, measured={"training_step": int(measured * GIB)}, reserved=0)


def same(*measurements: Measurement) -> tuple[tuple[Measurement, ...], str, str, str]:
    return measurements, ONE.card, ONE.model, ONE.mode


def test_what_is_recorded_is_found(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "calibration.jsonl"
    record(ONE, path)
    record(replace(ONE, source="probe"), path)
    assert load(path) == (ONE, replace(ONE, source="probe"))


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\xfe not text",
        b"{",
        b"[]",
        b"null",
        b'{"v": 2}',
        b'{"v": 1, "card": 7}',
        json.dumps({"v": 1, "card": "a", "model": "b", "mode": "c", "predicted": {}, "measured": {}}).encode(),
        json.dumps(
            {"v": 1, "card": "a", "model": "b", "mode": "c", "predicted": {"x": -1}, "measured": {"x": 1}}
        ).encode(),
        json.dumps(
            {"v": 1, "card": "a", "model": "b", "mode": "c", "predicted": {"x": 1}, "measured": {"x": 1}, "t": "now"}
        ).encode(),
        b"[" * 100_000,
    ],
)
def test_garbage_is_passed_over(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "calibration.jsonl"
    record(ONE, path)
    with path.open("ab") as file:
        file.write(garbage + b"\n")
    record(ONE, path)
    assert load(path) == (ONE, ONE)


def test_no_file_and_no_file_that_can_be_read(tmp_path: Path) -> None:
    assert load(tmp_path / "none") == ()
    assert load(tmp_path) == ()


def test_a_long_file_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "calibration.jsonl"
    path.write_text("x" * 300_000 + "\n")
    record(ONE, path)
    assert load(path) == (ONE,)


def test_without_runs_it_rests_on_formulas() -> None:
    assert apply(*same()) == FORMULAS_ALONE
    assert apply((ONE,), None, ONE.model, ONE.mode) == FORMULAS_ALONE
    assert FORMULAS_ALONE.words == "rests on formulas alone"
    assert FORMULAS_ALONE.peak(10 * GIB) == int(10 * GIB * 1.05) + int(0.6 * GIB)


@pytest.mark.parametrize("changed", [{"card": "other"}, {"model": "2.0"}, {"mode": "full"}])
def test_other_runs_say_nothing(changed: dict[str, str]) -> None:
    assert apply(*same(replace(ONE, **changed))) == FORMULAS_ALONE  # type: ignore[arg-type]


def test_one_run_corrects_and_says_so() -> None:
    found = apply(*same(ONE))
    assert found.factor == pytest.approx(41 / 40)
    assert found.overhead == pytest.approx(43 / 41)
    assert found.peak(40 * GIB) == pytest.approx(43 * GIB + 0.6 * GIB, rel=1e-6)
    assert found.words == "rests on 1 run on this card (NVIDIA Test), which took +2.5% of what was predicted"


def test_several_runs_say_how_far_they_lie_apart() -> None:
    found = apply(*same(*map(with_step, (40, 41, 44))))
    assert found.runs == 3
    assert found.factor == pytest.approx(41 / 40)
    assert found.spread == pytest.approx(3 / 41)
    assert found.words == "rests on 3 runs on this card (NVIDIA Test; ±7.3%)"


def test_what_cannot_be_is_not_counted() -> None:
    assert apply(*same(with_step(4), with_step(400), with_step(0))) == FORMULAS_ALONE
    assert apply(*same(with_step(4), ONE)).runs == 1


def test_the_next_estimate_is_sharper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    predicted = estimate(LARGE)
    step = predicted.total("training_step")
    card = Card("NVIDIA Test", 80 * GIB)
    assert weigh(LARGE, card).peak_bytes == predicted.peak_bytes
    one = replace(ONE, predicted={"training_step": step}, measured={"training_step": int(step * 1.1)}, reserved=0)
    record(one)
    assert calibration_path().is_relative_to(tmp_path)
    assert weigh(LARGE, card).peak_bytes == pytest.approx(int(predicted.allocated_bytes * 1.1 * 1.05) + int(0.6 * GIB))
    assert weigh(LARGE, replace(card, name="other")).peak_bytes == predicted.peak_bytes
    assert weigh(LARGE, Card("", 80 * GIB)).peak_bytes == predicted.peak_bytes
