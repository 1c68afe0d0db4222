"""Weights to start from: found, readable, and of the trained modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas import validate
from tests.support.sparse import write_sparse
from tests.trainer.preflight.world import World, codes, only
from trainer.files.headers import read_header
from trainer.preflight.facts import Facts
from trainer.preflight.rules_start import newest_step
from trainer.preflight.rules_targets import targeted


def lora(world: World, path: Path, *, rank: int = 4, leave_out: int = 0, prefix: str = "diffusion_model.") -> Path:
    """A LoRA of exactly the world's target modules."""
    entries: dict[str, Any] = {}
    modules = targeted(Facts(validate(world.data())))
    for module in modules[leave_out:]:
        entries[f"{prefix}{module.name}.lora_A.weight"] = ["BF16", [rank, module.inputs]]
        entries[f"{prefix}{module.name}.lora_B.weight"] = ["BF16", [module.outputs, rank]]
    return write_sparse(path, entries)


def started(world: World, path: Path, *changes: str) -> Any:
    return world.check(f"model.load_checkpoint={path}", *changes)


@pytest.mark.parametrize("prefix", ["diffusion_model.", "base_model.model.", "transformer.", ""])
def test_a_lora_of_this_run(world: World, prefix: str) -> None:
    assert codes(started(world, lora(world, world.root / "x.safetensors", prefix=prefix))) == []


def test_newest_step_of_a_directory(world: World) -> None:
    folder = world.root / "old" / "checkpoints"
    for step in (250, 1000, 500):
        lora(world, folder / f"lora_weights_step_{step:05d}.safetensors", rank=8 if step == 1000 else 4)
    for elsewhere in ("checkpoints.old-1/lora_weights_step_09000", "checkpoints/.tmp-lora_weights_step_08000-1"):
        lora(world, folder.parent / f"{elsewhere}.safetensors", rank=4)
    for place in (folder, folder.parent):
        found = newest_step(place, "lora_weights_step_")
        assert found is not None
        assert found.name == "lora_weights_step_01000.safetensors"
    assert "has rank 8, lora.rank is 4" in only(started(world, folder), "start-rank").message


def test_nothing_to_start_from(world: World) -> None:
    assert only(started(world, world.root / "none.safetensors"), "path-missing").path == "model.load_checkpoint"
    only(started(world, world.gemma), "start-empty")
    text = world.root / "x.pt"
    text.touch()
    only(started(world, text), "start-suffix")
    empty = world.root / "x.safetensors"
    empty.touch()
    only(started(world, empty), "start-invalid")


def test_not_a_lora(world: World) -> None:
    only(started(world, world.model), "start-not-a-lora")


def test_other_modules(world: World) -> None:
    found = only(started(world, lora(world, world.root / "x.safetensors", leave_out=5)), "start-modules")
    assert "0 are not trained here, 5 are not in it" in found.message


def test_full_training(world: World) -> None:
    full = ("model.training_mode=full", "lora=null", "optimization.learning_rate=1e-5")
    assert codes(started(world, world.model, *full)) == []
    only(started(world, lora(world, world.root / "x.safetensors"), *full), "start-is-a-lora")
    tensors = read_header(world.model).tensors
    bare = {
        name.removeprefix("model.diffusion_model."): [info.dtype, list(info.shape)]
        for name, info in tensors.items()
        if name.startswith("model.diffusion_model.")
    }
    assert codes(started(world, write_sparse(world.root / "bare.safetensors", bare), *full)) == []
    del bare["proj_out.bias"]
    found = only(started(world, write_sparse(world.root / "less.safetensors", bare), *full), "start-modules")
    assert "lacks 1 of the model's" in found.message
