"""Compression factors from the block lists of real, small and made-up configurations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import CheckpointError
from tests.support.sparse import write_real
from trainer.files.geometry import VaeScale, vae_scale
from trainer.files.model_file import read_checkpoint

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.mark.parametrize("name", ["ltx-2-19b", "ltx-2.3-22b", "ltx-2.5-22b-video-vae", "ltx-2.5-22b-video-vae-conv"])
def test_real_files_compress_32_and_8(tmp_path: Path, name: str) -> None:
    assert vae_scale(read_checkpoint(write_real(tmp_path, name)).config) == VaeScale(32, 8)


@pytest.mark.parametrize("family", ["2.0", "2.3", "2.5"])
def test_small_reference_checkpoints(family: str) -> None:
    assert vae_scale(read_checkpoint(GOLDEN / f"ltx{family}_tiny_checkpoint.safetensors").config) == VaeScale(32, 8)


@pytest.mark.parametrize(
    ("vae", "scale"),
    [
        ({"encoder_blocks": [["compress_all", {}], ["res_x", {}]]}, VaeScale(8, 2)),
        ({"encoder_blocks": [["compress_space_res", {}], ["compress_time", 1]], "patch_size": 1}, VaeScale(2, 2)),
        ({"encoder": {"blocks": [["compress_all_res", {}]] * 2, "patch_size": 2}, "patch_size": 9}, VaeScale(8, 4)),
        ({"decoder_blocks": [["compress_all", {}]] * 2}, VaeScale(16, 4)),
        ({}, VaeScale(32, 8)),
    ],
)
def test_walks_the_lists(vae: dict[str, Any], scale: VaeScale) -> None:
    assert vae_scale({"vae": vae}) == scale


def test_no_vae_section_means_the_published_factors() -> None:
    assert vae_scale({"transformer": {}}) == VaeScale(32, 8)


def test_encoder_and_decoder_must_agree() -> None:
    with pytest.raises(CheckpointError, match="compress differently"):
        vae_scale({"vae": {"encoder_blocks": [["compress_all", {}]], "decoder_blocks": [["compress_space", {}]]}})


def test_impossible_patch_size() -> None:
    with pytest.raises(CheckpointError, match="patch size 'big'"):
        vae_scale({"vae": {"patch_size": "big"}})
