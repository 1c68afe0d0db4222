"""Recognising model files whose weights were quantised by somebody else.

Such files (fp8, int8, nvfp4) carry scales beside each weight. Training starts from the original weights: rounding an
already rounded weight again only loses accuracy. Quantising here, while loading, is ``acceleration.quantization``.
"""

from __future__ import annotations

from typing import Final

from trainer.files.headers import Header

_SCALES: Final = (".weight_scale", ".weight_scale_2", ".input_scale", ".scale_weight", ".comfy_quant", ".scb")
_METADATA_KEY: Final = "_quantization_metadata"
_PACKED_TOKENIZER: Final = ("tokenizer_json", "hf_asset__")


def quantisation(header: Header) -> str | None:
    """Name of the quantisation of a file ("fp8", "nvfp4", "int8", "quantised"), or None for plain weights."""
    dtypes = {
        info.dtype
        for info in header.tensors.values()
        if len(info.shape) >= 2 and not info.name.startswith(_PACKED_TOKENIZER)
    }
    fp8 = any(dtype.startswith("F8_") for dtype in dtypes)
    if "F4" in dtypes or (fp8 and "U8" in dtypes):
        return "nvfp4"
    if fp8:
        return "fp8"
    if "I8" in dtypes:
        return "int8"
    scaled = any(name.lower().endswith(_SCALES) for name in header.tensors)
    return "quantised" if scaled or _METADATA_KEY in header.metadata else None
