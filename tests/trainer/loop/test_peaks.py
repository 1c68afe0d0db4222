"""Peaks by phase from a run's events, and what is kept of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from presets.memory import GIB, Card
from presets.memory.calibration import load
from schemas import LtxTrainerConfig, validate
from schemas.errors import CheckpointError
from tests.trainer.loop.world import config_data, train
from trainer.loop.peaks import Peaks, peaks_kept
from trainer.preflight.memory import memory_job
from trainer.rundir import EventLog, RunDirectory
from trainer.rundir.events import Event

CARD = Card("NVIDIA Test", 80 * GIB)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    run = RunDirectory(tmp_path / "log")
    run.create()
    with EventLog(run.events_path) as events:
        yield events


@pytest.fixture
def config(clips: Path, tmp_path: Path) -> LtxTrainerConfig:
    return validate(config_data(clips, tmp_path / "run"))


def play(log: EventLog, steps: int = 3) -> None:
    """A run as its events tell it."""
    log.append("phase", phase="loading", message="")
    log.append("phase", phase="caching", message="")
    log.append("phase", phase="caching", message="more", done=1, total=2)
    log.append("phase", phase="loading", message="")
    log.append("phase", phase="training", message="")
    for step in range(1, steps + 1):
        log.append("metric", step=step, metrics={"memory_peak": 400 + step, "memory_reserved": 700})
    log.append("phase", phase="validating", message="")
    log.append("metric", step=steps, metrics={"memory_peak": 9999})
    log.append("phase", phase="saving", message="")
    log.append("phase", phase="training", message="")


def numbers() -> Iterator[tuple[int, int]]:
    yield from [(0, 0), (10, 20), (90, 100), (35, 600), (33, 40), (8, 8), (700, 800), (50, 60)]


def test_each_phase_has_its_peak(log: EventLog) -> None:
    given = numbers()
    peaks = Peaks(lambda: next(given))
    log.observer = peaks.see
    play(log)
    assert peaks.allocated == {
        "load": 35,
        "text_encoding": 90,
        "training_step": 403,
        "validation": 8,
        "save": 700,
    }
    assert peaks.reserved == 800
    assert peaks.steps == 3


def test_a_run_is_kept_beside_what_was_predicted(log: EventLog, config: LtxTrainerConfig, state: Path) -> None:
    given = numbers()
    said: list[str] = []
    seen: list[Event] = []
    log.observer = seen.append
    with peaks_kept(log, config, said.append, lambda: next(given), CARD):
        play(log)
    log.append("phase", phase="finished", message="")
    (found,) = load()
    assert (found.card, found.model, found.mode) == ("NVIDIA Test", memory_job(config).model.name, "lora/unquantized")
    assert found.measured["training_step"] == 403
    assert found.predicted["training_step"] > 0
    assert set(found.predicted) <= set(found.measured)
    assert found.source == "run"
    assert "predicted" in said[0]
    assert len(seen) == 13, "whoever watched before still does"


def test_too_few_steps_and_failures_are_not_kept(log: EventLog, config: LtxTrainerConfig, state: Path) -> None:
    with peaks_kept(log, config, print, lambda: (1, 1), CARD):
        play(log, steps=1)
    with pytest.raises(RuntimeError, match="lost"), peaks_kept(log, config, print, lambda: (1, 1), CARD):
        play(log)
        raise RuntimeError("lost")
    assert load() == ()
    assert log.observer is None


def test_a_disk_that_refuses_is_told(log: EventLog, config: LtxTrainerConfig, tmp_path: Path, state: Path) -> None:
    state.write_text("a file, no directory")
    said: list[str] = []
    with peaks_kept(log, config, said.append, lambda: (1, 1), CARD):
        play(log)
    assert "not kept" in said[0]


def test_a_prediction_that_cannot_be_made_any_more_fails_no_run(
    log: EventLog, config: LtxTrainerConfig, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: LtxTrainerConfig) -> NoReturn:
        raise CheckpointError("the file is cut off", where="model.safetensors")

    monkeypatch.setattr("trainer.loop.peaks.memory_job", gone)
    said: list[str] = []
    with peaks_kept(log, config, said.append, lambda: (1, 1), CARD):
        play(log)
    assert "not kept" in said[0]
    assert "cut off" in said[0]
    assert load() == ()


def test_without_a_card_nothing_is_kept(clips: Path, tmp_path: Path, state: Path) -> None:
    assert train(clips, tmp_path / "run") == 0
    assert load() == ()
    assert not state.exists() or not list(state.rglob("calibration.jsonl"))


def test_automatic_blocks_are_predicted_as_chosen(config: LtxTrainerConfig) -> None:
    job = replace(memory_job(config), auto_swap=True)
    peaks = Peaks(lambda: (1, 1), {"training_step": 5}, 0, 2)
    assert peaks.measurement(job, CARD) is not None
