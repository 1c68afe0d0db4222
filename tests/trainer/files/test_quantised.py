"""Files quantised by others are recognised; plain ones, and the bytes in a packed text encoder, are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.sparse import real_names, write_real, write_sparse
from trainer.files.headers import read_header
from trainer.files.quantised import quantisation

WEIGHT = "model.diffusion_model.transformer_blocks.1.attn1.to_k.weight"


@pytest.mark.parametrize(
    ("entries", "kind"),
    [
        ({WEIGHT: ["F8_E4M3", [8, 8]], WEIGHT + "_scale": ["F32", []]}, "fp8"),
        ({WEIGHT: ["F8_E5M2", [8, 8]]}, "fp8"),
        ({WEIGHT: ["U8", [8, 4]], WEIGHT + "_scale": ["F8_E4M3", [8, 1]]}, "nvfp4"),
        ({WEIGHT: ["I8", [8, 8]], WEIGHT.replace("weight", "comfy_quant"): ["U8", [30]]}, "int8"),
        ({WEIGHT: ["U8", [8, 8]], WEIGHT + "_scale": ["F32", [8]]}, "quantised"),
        ({"__metadata__": {"_quantization_metadata": "{}"}, WEIGHT: ["BF16", [8, 8]]}, "quantised"),
        ({WEIGHT: ["BF16", [8, 8]]}, None),
        ({WEIGHT: ["F32", [8, 8]]}, None),
    ],
)
def test_kinds(tmp_path: Path, entries: dict[str, Any], kind: str | None) -> None:
    assert quantisation(read_header(write_sparse(tmp_path / "x.safetensors", entries))) == kind


@pytest.mark.parametrize("name", real_names())
def test_published_files_are_plain(tmp_path: Path, name: str) -> None:
    assert quantisation(read_header(write_real(tmp_path, name))) is None
