"""The tiny checkpoint is a file of the published format, only smaller."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from trainer.demo.official_config import TEXT_HIDDEN, TEXT_STATES, Family
from trainer.demo.tiny import write_tiny_checkpoint

REAL = {"2.0": "ltx-2-19b", "2.3": "ltx-2.3-22b"}
HEADERS = Path(__file__).parents[2] / "real_headers"


@pytest.fixture(scope="module", params=["2.0", "2.3"])
def family(request: pytest.FixtureRequest) -> Family:
    chosen: Family = request.param
    return chosen


@pytest.fixture(scope="module")
def checkpoint(family: Family, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "tiny.safetensors", family)


def _real(family: Family) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((HEADERS / f"{REAL[family]}.json").read_text())
    return data


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def test_tensor_names_dtypes_and_ranks_are_those_of_the_published_file(family: Family, checkpoint: Path) -> None:
    names = {"BF16": torch.bfloat16, "F32": torch.float32}
    real = {
        (_pattern(name), names[entry[0]], len(entry[1]))
        for name, entry in _real(family).items()
        if name != "__metadata__"
    }
    with safe_open(checkpoint, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert {(_pattern(name), value.dtype, value.ndim) for name, value in tensors.items()} == real
    assert all(torch.isfinite(value).all() for value in tensors.values())


def _paths(data: object, prefix: str = "") -> set[str]:
    if not isinstance(data, dict):
        return {prefix}
    return {path for key, value in data.items() for path in _paths(value, f"{prefix}.{key}")}


def test_config_has_the_published_keys(family: Family, checkpoint: Path) -> None:
    with safe_open(checkpoint, "pt") as file:
        metadata = file.metadata()
    real = _real(family)["__metadata__"]
    assert set(metadata) == set(real) - {"encrypted_wandb_properties"}
    ours, theirs = _paths(json.loads(metadata["config"])), _paths(json.loads(real["config"]))
    assert ours - theirs == {".transformer.audio_in_channels"}
    assert theirs - ours <= {".audio_vae.model.params.embed_dim"}


def test_extractor_fits_the_tiny_text_encoder(family: Family, checkpoint: Path) -> None:
    name = "aggregate_embed" if family == "2.0" else "video_aggregate_embed"
    with safe_open(checkpoint, "pt") as file:
        weight = file.get_tensor(f"text_embedding_projection.{name}.weight")
    assert weight.shape[1] == TEXT_HIDDEN * TEXT_STATES


def test_same_seed_same_content_whatever_was_drawn_before(family: Family, checkpoint: Path, tmp_path: Path) -> None:
    if family == "2.3":
        pytest.skip("one family is enough; writing takes seconds")
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = write_tiny_checkpoint(tmp_path / "again.safetensors", family)
    with safe_open(again, "pt") as one, safe_open(checkpoint, "pt") as two:
        assert one.metadata() == two.metadata()
        assert list(one.keys()) == list(two.keys())
        assert all(torch.equal(one.get_tensor(name), two.get_tensor(name)) for name in one.keys())  # noqa: SIM118
    assert torch.equal(torch.get_rng_state(), before)
