"""The loss on samples that are not trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from schemas import validate
from schemas.errors import ConfigError, DataError
from tests.trainer.loop.world import config_data, events, train, weights_digest, write_clips
from trainer.files.dataset import DatasetIndex, Sample
from trainer.loop.held_out import held_out, split

LOSSES = {"validation_loss", "validation_loss/video", "validation_loss/audio"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clips(tmp_path_factory.mktemp("clips"))


def _measured(output: Path) -> dict[int, Mapping[str, float]]:
    """The last record of each step that holds a validation loss."""
    found = {event["step"]: event["metrics"] for event in events(output, "metric")}
    return {step: metrics for step, metrics in found.items() if "validation_loss" in metrics}


def test_it_is_measured_at_its_interval_and_disturbs_nothing(data: Path, tmp_path: Path) -> None:
    plain, watched = tmp_path / "plain", tmp_path / "watched"
    assert train(data, plain, validation__loss_holdout=2) == 0
    assert train(data, watched, validation__loss_holdout=2, validation__loss_interval=2) == 0
    assert weights_digest(plain, 4) == weights_digest(watched, 4)
    assert _measured(plain) == {}
    measured = _measured(watched)
    assert sorted(measured) == [0, 2, 4]
    for step, metrics in measured.items():
        assert set(metrics) >= LOSSES
        assert metrics["validation_loss/video/sigma_0.00-0.25"] > 0
        assert metrics["validation_loss/sigma_0.75-1.00"] > 0
        parts = metrics["validation_loss/video"] + metrics["validation_loss/audio"]
        assert math.isclose(metrics["validation_loss"], parts, rel_tol=1e-5)
        assert ("loss" in metrics) == (step > 0)  # readers keep the last record of a step: it is whole
    assert measured[0]["validation_loss"] != measured[4]["validation_loss"]


def test_the_same_weights_measure_the_same(data: Path, tmp_path: Path) -> None:
    """Also after a restart, and on other data that are named."""
    first = tmp_path / "first"
    named = {"validation__loss_interval": 2, "validation__loss_data_root": str(data), "validation__seed": 5}
    assert train(data, first, optimization__steps=2, **named) == 0
    again = tmp_path / "again"
    assert train(data, again, optimization__steps=2, **named) == 0
    assert _measured(first)[2]["validation_loss"] == _measured(again)[2]["validation_loss"]
    assert train(data, again, optimization__steps=4, **named) == 0
    told = [(event["step"], event["metrics"].get("validation_loss")) for event in events(again, "metric")]
    values = [value for step, value in told if step == 2 and value is not None]
    assert [step for step, value in told if value is not None] == [0, 2, 2, 4]
    assert values[0] == values[1]  # before and after the restart


def _index(*names: str) -> DatasetIndex:
    return DatasetIndex(Path(), {}, tuple(Sample(name, {}) for name in names), ())


def test_held_out_samples_are_chosen_by_name() -> None:
    names = [f"clip_{number}" for number in range(20)]
    trained, kept = split(_index(*names), 4)
    assert len(kept.samples) == 4
    assert sorted(sample.name for part in (trained, kept) for sample in part.samples) == sorted(names)
    chosen = {sample.name for sample in kept.samples}
    assert {sample.name for sample in held_out(_index(*reversed(names)).samples, 4)} == chosen
    more, _ = split(_index(*names, "another"), 4)
    assert len({sample.name for sample in trained.samples} - {sample.name for sample in more.samples}) <= 1
    with pytest.raises(DataError, match="none is left to train on"):
        split(_index("a", "b"), 2)


def test_what_it_is_measured_on_must_be_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        validate(config_data(data, tmp_path, validation__loss_interval=2))
    assert refusal.value.problems[0].path == "validation.loss_interval"
    train_alone = validate(config_data(data, tmp_path))
    assert (train_alone.validation.loss_interval, train_alone.validation.loss_holdout) == (None, 0)


def test_the_peak_of_a_step_begins_after_other_phases(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What loading, measuring and saving took would else be told as the next step's."""
    output = tmp_path / "run"
    monkeypatch.setattr("trainer.loop.trainer.forget_peak", lambda: before.append(events(output, "phase")[-1]["phase"]))
    before: list[str] = []
    assert train(data, output, optimization__steps=2, checkpoints__interval=1, validation__loss_interval=1,
                 validation__loss_holdout=1) == 0  # fmt: skip
    phases = [event["phase"] for event in events(output, "phase")]
    assert before == ["training"] * phases.count("training")
    assert {"validating", "saving"} < set(phases)
