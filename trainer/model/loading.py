"""From official files to modules: one loader per part, all strict, all streaming.

Every loader takes the resolved files, a dtype and a device, and returns a frozen module in eval mode.
"""

from __future__ import annotations

import torch

from trainer.files.checkpoint import (
    CONNECTOR_PREFIXES,
    TRANSFORMER_PREFIX,
    ModelFiles,
    disagreements,
    read_checkpoint,
)
from trainer.model.audio import load_audio_decoder, load_audio_encoder, load_vocoder
from trainer.model.host_blocks import HostBlocks
from trainer.model.inputs import Modalities
from trainer.model.official import diffusers_name, official_name
from trainer.model.reading import Address, Component, Place, Progress, fill
from trainer.model.settings import transformer_arguments
from trainer.model.swap import BlockSwap, spread
from trainer.model.text import load_connectors, load_extractor
from trainer.model.transformer import LtxTransformer, is_absent
from trainer.model.vae import load_video_decoder, load_video_encoder

__all__ = [
    "LtxTransformer",
    "Modalities",
    "load_audio_decoder",
    "load_audio_encoder",
    "load_connectors",
    "load_extractor",
    "load_transformer",
    "load_video_decoder",
    "load_video_encoder",
    "load_vocoder",
    "transformer_component",
]

BOTH = Modalities()
_BLOCKS = "transformer_blocks"


def load_transformer(
    files: ModelFiles,
    *,
    modalities: Modalities = BOTH,
    dtype: torch.dtype = torch.bfloat16,
    device: torch.device | str = "cpu",
    quantization: str | None = None,
    swapped: int = 0,
    on_progress: Progress | None = None,
) -> LtxTransformer:
    """The transformer, frozen, in eval mode; parts of an absent modality are neither built nor read.

    ``quantization`` is a kind of ``quantize.TYPES``: each linear weight of the blocks is rounded on ``device`` right
    after it was read, so that never more than one of them is there in full. Of ``swapped`` blocks the weights go on to
    host memory (``swap``), one by one as they come, and the device never holds more than two such blocks.
    Raises CheckpointError when configuration and tensors disagree in any way, naming file and keys; ValueError for more
    swapped blocks than there are.
    """
    checkpoint = read_checkpoint(files.transformer)
    arguments = transformer_arguments(checkpoint)
    with torch.device("meta"):
        transformer = LtxTransformer(arguments, modalities)
    place: Place | None = None
    if quantization is not None:
        from trainer.model.quantize import quantizer

        place = quantizer(transformer, quantization, dtype=dtype, device=device)
    hosts = None
    chosen = spread(len(transformer.transformer_blocks), swapped)
    if chosen and torch.device(device).type != "meta":
        pin = torch.device(device).type == "cuda"
        hosts = HostBlocks(transformer.transformer_blocks, _BLOCKS, chosen, dtype=dtype, pin=pin, inner=place)
        place = hosts
    fill(
        transformer,
        transformer_component(modalities),
        (files.transformer,),
        dtype=dtype,
        device=device,
        explain=lambda: disagreements(checkpoint),
        place=place,
        on_progress=on_progress,
    )
    if hosts is not None:
        transformer.swap = BlockSwap(transformer.transformer_blocks, hosts.packed, device)
    return transformer


def transformer_component(modalities: Modalities) -> Component:
    """Where the transformer lies in an official file; the text connectors share its prefix."""

    def owns(key: str) -> bool:
        return key.startswith(TRANSFORMER_PREFIX) and not key.startswith(CONNECTOR_PREFIXES)

    return Component(
        name="transformer",
        address=lambda name: Address(TRANSFORMER_PREFIX + official_name(name)),
        owns=owns,
        spare=lambda key: is_absent(diffusers_name(key.removeprefix(TRANSFORMER_PREFIX)), modalities),
    )
