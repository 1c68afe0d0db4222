"""From the text encoder's hidden states to the context the transformer reads, in two steps.

The *extractor* turns all hidden states of a prompt into features, once, when a dataset is prepared. The *connectors*
turn features into context: padding gives way to learned registers, a few transformer blocks follow, and every
position is valid afterwards. Shapes: hidden states ``[B, S, D, L]`` (L = the embedding's and one per layer), mask
``[B, S]`` with 1 = valid and left padding, features and context ``[B, S, D]``.
"""

from __future__ import annotations

import math
from typing import Any, Final

import torch
from diffusers.pipelines.ltx2.connectors import (
    LTX2ConnectorTransformer1d,
    per_layer_masked_mean_norm,
    per_token_rms_norm,
)
from torch import Tensor, nn

from schemas.errors import CheckpointError
from trainer.files.checkpoint import (
    CONNECTOR_PREFIXES,
    EXTRACTOR_PREFIX,
    TRANSFORMER_PREFIX,
    ModelFiles,
    read_checkpoint,
)
from trainer.files.headers import read_header
from trainer.model.inputs import Modalities
from trainer.model.reading import Address, Component, fill
from trainer.model.section import Section
from trainer.model.settings import connector_arguments, transformer_section

BOTH: Final = Modalities()
_NAMES: Final = {
    "video_connector": "video_embeddings_connector",
    "audio_connector": "audio_embeddings_connector",
    "transformer_blocks": "transformer_1d_blocks",
    "norm_q": "q_norm",
    "norm_k": "k_norm",
}


class TextExtractor(nn.Module):
    """Hidden states to features: one shared projection in 2.0, one for each modality from 2.3 on."""

    def __init__(self, hidden: int, states: int, widths: dict[str, int], shared: bool) -> None:
        super().__init__()
        self.hidden, self.states, self.shared = hidden, states, shared
        if shared:
            self.aggregate_embed = nn.Linear(hidden * states, hidden, bias=False)
        else:
            self.video_aggregate_embed = nn.Linear(hidden * states, widths["video"])
            self.audio_aggregate_embed = nn.Linear(hidden * states, widths["audio"])

    @torch.no_grad()
    def forward(self, hidden_states_BSDL: Tensor, mask_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Features of video and audio; in 2.0 they are the same tensor."""
        weight = next(self.parameters())
        states = hidden_states_BSDL.to(device=weight.device, dtype=weight.dtype)
        mask_BS = mask_BS.to(weight.device)
        if self.shared:
            normed = per_layer_masked_mean_norm(states, mask_BS.sum(dim=-1), device=weight.device)
            features = self.aggregate_embed(normed)
            return features, features
        normed = per_token_rms_norm(states).flatten(2) * mask_BS[..., None].to(states.dtype)
        video, audio = (
            layer(normed * math.sqrt(layer.out_features / self.hidden))
            for layer in (self.video_aggregate_embed, self.audio_aggregate_embed)
        )
        return video, audio


class TextConnectors(nn.Module):
    """Features to context, for the modalities that are there."""

    def __init__(self, arguments: dict[str, dict[str, Any]]) -> None:
        super().__init__()
        self.video_connector = LTX2ConnectorTransformer1d(**arguments["video"]) if "video" in arguments else None
        self.audio_connector = LTX2ConnectorTransformer1d(**arguments["audio"]) if "audio" in arguments else None

    @torch.no_grad()
    def forward(
        self, video_BSD: Tensor | None, audio_BSD: Tensor | None, mask_BS: Tensor
    ) -> tuple[Tensor | None, Tensor | None]:
        """Context of video and audio; None for what was not loaded or not given. All positions are valid."""
        return self._connect(self.video_connector, video_BSD, mask_BS), self._connect(
            self.audio_connector, audio_BSD, mask_BS
        )

    @staticmethod
    def _connect(connector: Any, features_BSD: Tensor | None, mask_BS: Tensor) -> Tensor | None:
        if connector is None or features_BSD is None:
            return None
        registers = connector.learnable_registers
        features_BSD = features_BSD.to(registers)
        bias = (mask_BS.to(registers.device).to(registers.dtype) - 1) * torch.finfo(registers.dtype).max
        context_BSD, _ = connector(features_BSD, bias[:, None, None])
        return context_BSD


def load_extractor(
    files: ModelFiles, *, dtype: torch.dtype = torch.bfloat16, device: torch.device | str = "cpu"
) -> TextExtractor:
    """The feature extractor; the first file has the configuration, any of them the weights."""
    section = transformer_section(read_checkpoint(files.extractor[0]))
    shared = not section.flag("caption_proj_before_connector", False)
    if not shared:
        _check_second_generation(section)
    hidden = section.integer("caption_channels")
    widths = {
        "video": section.integer("num_attention_heads") * section.integer("attention_head_dim"),
        "audio": section.integer("audio_num_attention_heads") * section.integer("audio_attention_head_dim"),
    }
    with torch.device("meta"):
        extractor = TextExtractor(hidden, _hidden_states(files, section, hidden), widths, shared)
    part = Component(
        name="text feature extractor",
        address=lambda name: Address(EXTRACTOR_PREFIX + name),
        owns=lambda key: key.startswith(EXTRACTOR_PREFIX),
    )
    fill(extractor, part, files.extractor, dtype=dtype, device=device)
    return extractor


def load_connectors(
    files: ModelFiles,
    *,
    modalities: Modalities = BOTH,
    dtype: torch.dtype = torch.bfloat16,
    device: torch.device | str = "cpu",
) -> TextConnectors:
    """The text connectors of the wanted modalities."""
    section = transformer_section(read_checkpoint(files.connectors[0]))
    for key in ("connector_norm_output", "connector_ff_bias"):
        if not section.flag(key, True):
            raise section.bad(key, "true")
    wanted = [name for name, on in (("video", modalities.video), ("audio", modalities.audio)) if on]
    with torch.device("meta"):
        connectors = TextConnectors({name: connector_arguments(section, name) for name in wanted})
    absent = tuple(f"{TRANSFORMER_PREFIX}{name}_embeddings_connector." for name in {"video", "audio"} - set(wanted))
    part = Component(
        name="text connectors",
        address=lambda name: Address(TRANSFORMER_PREFIX + ".".join(_NAMES.get(part, part) for part in name.split("."))),
        owns=lambda key: key.startswith(CONNECTOR_PREFIXES),
        spare=lambda key: key.startswith(absent),
    )
    fill(connectors, part, files.connectors, dtype=dtype, device=device)
    return connectors


def _check_second_generation(section: Section) -> None:
    if "text_encoder_norm_type" in section and str(section.need("text_encoder_norm_type")).lower() != "per_token_rms":
        raise section.bad("text_encoder_norm_type", "per_token_rms")
    for key in ("caption_projection_first_linear", "caption_projection_second_linear", "caption_proj_input_norm"):
        if section.flag(key, False):
            raise section.bad(key, "false")


def _hidden_states(files: ModelFiles, section: Section, hidden: int) -> int:
    """How many hidden states of the text encoder the extractor was made for: no key of the configuration says it."""
    for path in files.extractor:
        for name, info in read_header(path).tensors.items():
            if name.startswith(EXTRACTOR_PREFIX) and name.endswith("aggregate_embed.weight") and len(info.shape) == 2:
                if info.shape[1] % hidden:
                    raise CheckpointError(
                        f"{name} takes {info.shape[1]} numbers, not a multiple of caption_channels ({hidden})",
                        where=path,
                    )
                return info.shape[1] // hidden
    raise CheckpointError(
        f"no {EXTRACTOR_PREFIX}*aggregate_embed.weight in {' or '.join(str(path) for path in files.extractor)}",
        where=section.path,
        hint="set model.text_encoder_path to the packed text encoder of the release, which holds it",
    )
