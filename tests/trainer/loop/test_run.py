"""Whole runs in this process: what is written, what resumes, what is refused."""

from __future__ import annotations

import math
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from schemas import load_config
from schemas.errors import CheckpointError, ConfigError, DataError, EnvironmentFault, LockedError
from tests.trainer.loop.world import (
    CHECKPOINT,
    Clip,
    config_data,
    events,
    train,
    weights_digest,
    write_clips,
    write_config,
)
from trainer.loop.run import run
from trainer.loop.state_files import read_state, write_state
from trainer.rundir import RunDirectory, RunLock, read_status, send


@pytest.fixture(scope="module")
def whole(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run of four steps."""
    from accelerate.state import AcceleratorState

    torch.set_num_threads(1)
    AcceleratorState._reset_state(reset_partial_state=True)
    output = tmp_path_factory.mktemp("whole") / "run"
    assert train(clips, output) == 0
    return output


def test_a_run_writes_what_the_outside_relies_on(whole: Path) -> None:
    metrics = events(whole, "metric")
    assert [event["step"] for event in metrics] == [1, 2, 3, 4]
    record = metrics[0]["metrics"]
    names = {"loss", "loss/video", "loss/audio", "lr", "grad_norm", "step_seconds", "data_seconds", "compute_seconds"}
    assert names | {"tokens_per_second", "host_rss"} <= record.keys()
    assert record["loss"] == pytest.approx(record["loss/video"] + record["loss/audio"], rel=1e-5)
    assert any(name.startswith("loss/video/sigma_") for name in record)
    assert record["lr"] == pytest.approx(1e-2)
    assert [event["step"] for event in events(whole, "checkpoint")] == [2, 4]
    assert events(whole, "exit")[-1]["code"] == 0
    status = read_status(whole / "status.json")
    assert status is not None
    assert (status.phase, status.step, status.total) == ("finished", 4, 4)
    again = load_config(whole / "training_config.yaml").config
    assert again.optimization.steps == 4
    assert again.output_dir == whole


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(whole: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    for step in (1, 2):
        RunDirectory(output).create()
        send(RunDirectory(output), "stop")
        assert train(clips, output) == 75
        assert weights_digest(output, step)
    assert train(clips, output) == 0
    assert weights_digest(output, 4) == weights_digest(whole, 4)
    exports = [load_file(path / "checkpoints/lora_weights_step_00004.safetensors") for path in (output, whole)]
    assert all(torch.equal(tensor, exports[1][name]) for name, tensor in exports[0].items())


@pytest.mark.parametrize("lost", ["optimizer", "data position", pytest.param("step", marks=pytest.mark.slow)])
def test_losing_a_part_of_the_state_is_seen(whole: Path, clips: Path, tmp_path: Path, lost: str) -> None:
    """The test above can fail: without any one of these the resumed run ends elsewhere."""
    state = read_state(whole / "checkpoints/step_000002")
    if lost == "optimizer":
        state = replace(state, optimizer=None)
    elif lost == "data position":
        state = replace(state, numbers={**state.numbers, "batches": 0})
    elif lost == "step":
        state = replace(state, step=3)
    run_directory = RunDirectory(tmp_path / "run")
    run_directory.create()
    write_state(run_directory, state)
    assert train(clips, run_directory.path) == 0
    assert weights_digest(run_directory.path, 4) != weights_digest(whole, 4)


def test_worker_processes_change_nothing(whole: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    assert train(clips, output, data__num_dataloader_workers=2) == 0
    assert multiprocessing.active_children() == [], "a trainer whose loaders live on never ends"
    assert weights_digest(output, 4) == weights_digest(whole, 4)


def test_recomputing_activations_changes_nothing(whole: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    assert train(clips, output, optimization__enable_gradient_checkpointing=True) == 0
    assert weights_digest(output, 4) == weights_digest(whole, 4)


def test_publishing_to_the_hub_is_refused_until_it_can_be_done(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Hub"):
        train(clips, tmp_path / "run", hub={"push_to_hub": True, "hub_model_id": "a/b"})


def test_a_finished_run_has_nothing_left_to_do(whole: Path, clips: Path) -> None:
    before = weights_digest(whole, 4)
    assert run(whole.with_suffix(".yaml")) == 0
    assert weights_digest(whole, 4) == before
    assert len(events(whole, "metric")) == 4


def test_another_configuration_is_refused_field_by_field(whole: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    with pytest.raises(ConfigError, match=r"seed: 7 -> 8") as raised:
        train(clips, output, optimization__steps=6, seed=8, lora__rank=8)
    assert "lora.rank: 4 -> 8" in str(raised.value)
    assert "optimization.steps" not in str(raised.value)
    assert events(output, "exit")[-1]["code"] == 2


def test_another_base_model_under_the_same_name_is_refused(clips: Path, tmp_path: Path) -> None:
    base = tmp_path / "base.safetensors"
    base.write_bytes(CHECKPOINT.read_bytes())
    output = tmp_path / "run"
    assert train(clips, output, model__model_path=str(base), optimization__steps=1) == 0
    content = bytearray(base.read_bytes())
    content[-40:] = bytes(40)
    base.write_bytes(content)
    with pytest.raises(ConfigError, match="another base model") as raised:
        train(clips, output, model__model_path=str(base), optimization__steps=2)
    assert raised.value.exit_code == 2


def test_clips_that_changed_meanwhile_are_told(clips: Path, tmp_path: Path) -> None:
    root, output = tmp_path / "data", tmp_path / "run"
    shutil.copytree(clips, root)
    assert train(root, output, optimization__steps=1) == 0
    assert train(root, output, optimization__steps=2) == 0
    assert "data_changed" not in [event["code"] for event in events(output, "warning")]
    for name in ("latents", "audio_latents", "conditions"):
        (root / name / "clip_5.pt").unlink()
    assert train(root, output, optimization__steps=3) == 0
    assert "data_changed" in [event["code"] for event in events(output, "warning")]


def test_more_steps_and_another_rate_are_taken_and_told(whole: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    assert train(clips, output, optimization__steps=5, optimization__learning_rate=5e-3) == 0
    told = [event["message"] for event in events(output, "warning") if event["code"] == "config_changed"]
    assert any("optimization.steps: 4 -> 5" in message for message in told)
    assert any("optimization.learning_rate" in message for message in told)
    rates = [event["metrics"]["lr"] for event in events(output, "metric")]
    assert rates[-1] == pytest.approx(5e-3 * (1 + math.cos(math.pi * 4 / 5)) / 2)


def test_never_starts_anew_and_deletes_nothing(whole: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    old = weights_digest(output, 2)
    assert train(clips, output, resume="never", optimization__steps=2, seed=8) == 0
    assert weights_digest(output, 2) != old
    moved = output / "checkpoints.old-1"
    assert (moved / "lora_weights_step_00004.safetensors").is_file()
    assert [event["step"] for event in events(output, "metric")] == [1, 2]


def test_a_damaged_state_is_set_aside_and_the_one_before_used(whole: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    _flip(output / "checkpoints/step_000004/weights.safetensors")
    assert train(clips, output) == 0
    assert weights_digest(output, 4) == weights_digest(whole, 4)
    assert (output / "checkpoints/step_000004.corrupt").is_dir()
    told = [event["message"] for event in events(output, "warning") if event["code"] == "checkpoint_corrupt"]
    assert len(told) == 1
    assert "checksum" in told[0]


def test_when_every_state_is_damaged_nothing_starts_over(whole: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    for step in (2, 4):
        _flip(output / f"checkpoints/step_{step:06d}/optimizer.safetensors")
    for _ in range(2):
        with pytest.raises(EnvironmentFault, match=r"step_000004: .*step_000002: "):
            train(clips, output)


def test_a_named_state_is_used_or_is_an_error(whole: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "other"
    assert train(clips, output, resume=str(whole / "checkpoints/step_000002")) == 0
    assert weights_digest(output, 4) == weights_digest(whole, 4)
    copy = tmp_path / "copy"
    shutil.copytree(whole, copy)
    _flip(copy / "checkpoints/step_000004/state.json")
    assert train(clips, tmp_path / "fourth", resume=str(copy)) == 0
    assert (copy / "checkpoints/step_000004").is_dir()
    bad = tmp_path / "step_000002"
    bad.mkdir()
    with pytest.raises(CheckpointError, match="manifest"):
        train(clips, tmp_path / "third", resume=str(bad))


def test_going_back_in_a_run_keeps_what_it_saves_from_there(whole: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    shape = {"checkpoints__keep_last_n": 1, "checkpoints__interval": 1, "optimization__steps": 3}
    assert train(clips, output, resume=str(output / "checkpoints/step_000002"), **shape) == 0
    assert weights_digest(output, 3)
    assert (output / "checkpoints/step_000004.abandoned-1").is_dir()
    assert not (output / "checkpoints/step_000004").exists(), "the next start must not go on from the other course"
    assert any("abandoned" in event["message"] for event in events(output, "warning"))


def test_weights_to_start_from_are_not_moved_away(whole: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    shutil.copytree(whole, output)
    with pytest.raises(ConfigError, match="moved out of the way"):
        train(clips, output, resume="never", model__load_checkpoint=output / "checkpoints")
    assert (output / "checkpoints/step_000004").is_dir()


def test_minimal_state_says_what_it_lost(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    minimal = {"checkpoints__save_training_state": "minimal"}
    assert train(clips, output, optimization__steps=2, **minimal) == 0
    assert not (output / "checkpoints/step_000002/optimizer.safetensors").exists()
    assert train(clips, output, optimization__steps=3, **minimal) == 0
    assert any("averages" in event["message"] for event in events(output, "warning"))


def test_without_training_state_a_second_start_is_refused(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    off = {"checkpoints__save_training_state": "off", "optimization__steps": 1}
    assert train(clips, output, **off) == 0
    assert [path.name for path in (output / "checkpoints").iterdir() if path.is_dir()] == []
    with pytest.raises(ConfigError, match="no training state"):
        train(clips, output, **off)


def test_only_the_newest_saves_of_this_run_are_kept(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    stranger = output / "checkpoints/lora_weights_step_00001.safetensors"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"not ours")
    keep = {"checkpoints__keep_last_n": 1, "checkpoints__interval": 1}
    assert train(clips, output, optimization__steps=3, **keep) == 0
    names = sorted(path.name for path in (output / "checkpoints").iterdir())
    assert names == ["lora_weights_step_00003.safetensors", "saves.json", "step_000003"]
    assert train(clips, output, optimization__steps=4, **keep) == 0
    assert "step_000003" not in {path.name for path in (output / "checkpoints").iterdir()}


def test_two_runs_do_not_share_a_directory(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    RunDirectory(output).create()
    with RunLock(RunDirectory(output)), pytest.raises(LockedError):
        train(clips, output)


def test_mixed_shapes_train_in_batches_of_one_shape(tmp_path: Path) -> None:
    small, long = Clip(), Clip(frames=3, steps=17)
    root = write_clips(tmp_path / "data", [small, long, small, long, small, Clip(width=4)])
    output = tmp_path / "run"
    assert train(root, output, optimization__batch_size=2, optimization__steps=2) == 0
    told = [event["message"] for event in events(output, "warning") if event["code"] == "clips_left_out"]
    assert len(told) == 1
    assert "clip_5" in told[0]


def test_fewer_clips_than_a_batch_is_an_error(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="batch of 7"):
        train(clips, tmp_path / "run", optimization__batch_size=7)


def test_a_learning_rate_of_almost_nothing_leaves_the_adapters_dead(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    assert train(clips, output, optimization__steps=2, optimization__learning_rate=1e-30) == 0
    tensors = load_file(output / "checkpoints/lora_weights_step_00002.safetensors")
    largest = max(float(tensor.abs().max()) for name, tensor in tensors.items() if "lora_B" in name)
    assert largest < 1e-25


def test_accumulating_two_batches_of_one_equals_a_batch_of_two(clips: Path, tmp_path: Path) -> None:
    """Noise belongs to the sample, so both see the same; only the order of summation differs."""
    results = []
    for name, batch, accumulation in (("accumulated", 1, 2), ("batched", 2, 1)):
        output = tmp_path / name
        shape = {"optimization__batch_size": batch, "optimization__gradient_accumulation_steps": accumulation}
        # SGD-like comparison: one step, no dropout, so that Adam's sign-like first step does not hide differences.
        assert train(clips, output, optimization__steps=1, lora__dropout=0.0, **shape) == 0
        state = read_state(output / "checkpoints/step_000001")
        assert state.optimizer is not None
        results.append((events(output, "metric")[0]["metrics"], state.optimizer))
    (first, one), (second, two) = results
    assert first["loss"] == pytest.approx(second["loss"], rel=1e-5)
    assert first["grad_norm"] == pytest.approx(second["grad_norm"], rel=1e-4)
    averages = [name for name in one if name.endswith("/exp_avg")]
    assert averages
    for name in averages:
        torch.testing.assert_close(one[name], two[name], rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("modality", ["video", "audio"])
def test_one_modality_alone(clips: Path, tmp_path: Path, modality: str) -> None:
    output = tmp_path / "run"
    other = "audio" if modality == "video" else "video"
    assert train(clips, output, optimization__steps=2, **{f"training_strategy__{other}": None}) == 0
    record = events(output, "metric")[0]["metrics"]
    assert record["loss"] == pytest.approx(record[f"loss/{modality}"])
    assert f"loss/{other}" not in record
    names = load_file(output / "checkpoints/lora_weights_step_00002.safetensors")
    audio_modules = [name for name in names if "audio" in name]
    assert bool(audio_modules) == (modality == "audio")


def test_a_frozen_modality_is_not_in_the_loss(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    assert train(clips, output, optimization__steps=1, training_strategy__audio__is_generated=False) == 0
    record = events(output, "metric")[0]["metrics"]
    assert "loss/audio" not in record
    assert record["loss"] == pytest.approx(record["loss/video"])


def test_eight_bit_optimizer_resumes_exactly(clips: Path, tmp_path: Path) -> None:
    eight = {"optimization__optimizer_type": "adamw8bit", "optimization__steps": 3, "lora__rank": 64}
    assert train(clips, tmp_path / "whole", **eight) == 0
    output = tmp_path / "run"
    RunDirectory(output).create()
    send(RunDirectory(output), "stop")
    assert train(clips, output, **eight) == 75
    stored = load_file(output / "checkpoints/step_000001/optimizer.safetensors")
    assert any(tensor.dtype == torch.uint8 for tensor in stored.values())
    assert train(clips, output, **eight) == 0
    assert weights_digest(output, 3) == weights_digest(tmp_path / "whole", 3)


def test_bf16_trains(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    assert train(clips, output, optimization__steps=2, acceleration__mixed_precision_mode="bf16") == 0
    assert all(math.isfinite(event["metrics"]["loss"]) for event in events(output, "metric"))
    state = read_state(output / "checkpoints/step_000002")
    assert {tensor.dtype for tensor in state.weights.values()} == {torch.float32}


def test_fp16_on_a_cpu_is_explained(clips: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine can")
    with pytest.raises(EnvironmentFault, match="fp16"):
        train(clips, tmp_path / "run", acceleration__mixed_precision_mode="fp16")


def test_the_saved_configuration_is_the_launched_one(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    write_config(tmp_path / "run.yaml", config_data(clips, output, optimization__steps=1))
    assert run(tmp_path / "run.yaml") == 0
    assert load_config(output / "training_config.yaml").config == load_config(tmp_path / "run.yaml").config


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
