"""``model.load_checkpoint`` and full fine-tuning."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from schemas import validate
from schemas.errors import CheckpointError
from tests.goldens.stored import checkpoint_of
from tests.trainer.loop.world import CHECKPOINT, config_data, events, train, weights_digest
from trainer.files.checkpoint import read_checkpoint
from trainer.fixed_loss import fixed_losses
from trainer.loop.start import find_start_weights
from trainer.loop.state_files import read_state
from trainer.model.loading import load_transformer
from trainer.model.official import official_name


@pytest.fixture(scope="module")
def first(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished LoRA run of two steps."""
    from accelerate.state import AcceleratorState

    torch.set_num_threads(1)
    AcceleratorState._reset_state(reset_partial_state=True)
    output = tmp_path_factory.mktemp("first") / "run"
    assert train(clips, output, optimization__steps=2) == 0
    return output


def weights(first: Path) -> str:
    return str(first / "checkpoints/lora_weights_step_00002.safetensors")


def test_the_state_beside_the_weights_is_used(first: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    assert train(clips, output, optimization__steps=3, model__load_checkpoint=weights(first)) == 0
    assert [event["step"] for event in events(output, "metric")] == [3]


def test_no_resume_takes_the_weights_alone(first: Path, clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    rate = {"optimization__learning_rate": 1e-12, "optimization__steps": 1}
    start = {"model__load_checkpoint": str(first), "checkpoints__no_resume": True}
    assert train(clips, output, **rate, **start) == 0
    assert [event["step"] for event in events(output, "metric")] == [1]
    theirs = read_state(first / "checkpoints/step_000002").weights
    ours = read_state(output / "checkpoints/step_000001").weights
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name])


def test_a_directory_without_weights_is_an_error(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no lora_weights_step_"):
        train(clips, tmp_path / "run", model__load_checkpoint=str(clips))


def test_a_directory_means_its_own_newest_weights_and_not_those_set_aside(
    first: Path, clips: Path, tmp_path: Path
) -> None:
    """The same file that `check` looks at."""
    folder = tmp_path / "theirs"
    for name in (
        "checkpoints/lora_weights_step_00002.safetensors",
        "checkpoints.old-1/lora_weights_step_09000.safetensors",
        "checkpoints/.tmp-lora_weights_step_08000.safetensors",
        "checkpoints/lora_weights_step_07000.safetensors.abandoned-1",
        "deep/er/lora_weights_step_06000.safetensors",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(Path(weights(first)).read_bytes())
    config = validate(config_data(clips, tmp_path / "run", model__load_checkpoint=str(folder)))
    found = find_start_weights(config)
    assert found is not None
    assert found.path == folder / "checkpoints/lora_weights_step_00002.safetensors"


class Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("kind", ["readable", "malicious", "damaged"])
def test_a_pickled_state_is_read_safely_or_refused(first: Path, clips: Path, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "lora_weights_step_00001.safetensors").write_bytes(Path(weights(first)).read_bytes())
    state = folder / "training_state_step_00001.pt"
    if kind == "damaged":
        state.write_bytes(b"\x80\x02nonsense")
    else:
        content = {"global_step": 1, "rng": torch.zeros(3, dtype=torch.uint8)}
        torch.save(content | ({"x": Malicious(tmp_path / "owned")} if kind == "malicious" else {}), state)
    output = tmp_path / "run"
    assert train(clips, output, optimization__steps=2, model__load_checkpoint=str(folder)) == 0
    assert [event["step"] for event in events(output, "metric")] == ([2] if kind == "readable" else [1, 2])
    assert not (tmp_path / "owned").exists()
    codes = {event["code"] for event in events(output, "warning")}
    assert ("optimizer_state_lost" if kind == "readable" else "state_not_used") in codes


FULL = {
    "model__training_mode": "full",
    "lora": None,
    "optimization__learning_rate": 1e-4,
    "optimization__steps": 2,
}


def test_full_training_exports_a_model_that_loads_as_any_other(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    assert train(clips, output, **FULL) == 0
    path = output / "checkpoints/model_weights_step_00002.safetensors"
    original, exported = read_checkpoint(CHECKPOINT), read_checkpoint(path)
    assert exported.config == original.config
    assert exported.header.tensors.keys() == original.header.tensors.keys()
    trained = load_transformer(checkpoint_of(path, {"checkpoint": path.name}), dtype=torch.float32)
    state = read_state(output / "checkpoints/step_000002").weights
    changed = 0
    base = dict(load_transformer(checkpoint_of(CHECKPOINT, {"checkpoint": CHECKPOINT.name})).named_parameters())
    for name, parameter in trained.named_parameters():
        assert torch.equal(parameter, state[official_name(name)]), name
        changed += not torch.equal(parameter, base[name].float())
    assert changed > 0.9 * len(base)
    with safe_open(path, "pt") as ours, safe_open(CHECKPOINT, "pt") as theirs:
        for key in ("vae.per_channel_statistics.mean-of-means", "text_embedding_projection.video_aggregate_embed.bias"):
            assert torch.equal(ours.get_tensor(key), theirs.get_tensor(key))
    again = tmp_path / "again"
    start = {"model__load_checkpoint": str(path), "checkpoints__no_resume": True}
    assert train(clips, again, **{**FULL, "optimization__steps": 1, "optimization__learning_rate": 1e-12}, **start) == 0
    moved = read_state(again / "checkpoints/step_000001").weights
    for name, tensor in moved.items():
        torch.testing.assert_close(tensor, state[name])


def test_full_training_resumes_exactly(clips: Path, tmp_path: Path) -> None:
    assert train(clips, tmp_path / "whole", **FULL, checkpoints__interval=1) == 0
    output = tmp_path / "run"
    state = tmp_path / "whole/checkpoints/step_000001"
    assert train(clips, output, **FULL, resume=str(state)) == 0
    assert weights_digest(output, 2) == weights_digest(tmp_path / "whole", 2)


def test_fixed_draws_tell_base_and_trained_apart(first: Path, clips: Path, tmp_path: Path) -> None:
    config = validate(config_data(clips, tmp_path / "run"))
    file = Path(weights(first))
    zero, one = fixed_losses(config, file, 8, [0, 1])
    assert (zero.seed, one.seed) == (0, 1)
    assert zero.trained != zero.base
    assert zero.base != one.base
    assert fixed_losses(config, file, 8, [0]) == [zero]
