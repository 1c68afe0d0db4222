"""One transformer block: self-attention, text, audio <-> video, feed-forward."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch.nn.functional as F
from diffusers.models.transformers.transformer_ltx2 import LTX2VideoTransformerBlock
from torch import Tensor, nn

from trainer.model.attention import Rope, attend
from trainer.model.inputs import Modalities

_PARTS: Final = ("norm1", "attn1", "norm2", "attn2", "norm3", "ff", "scale_shift_table", "prompt_scale_shift_table")
_BRIDGE_PARTS: Final = (
    "audio_to_video_norm",
    "audio_to_video_attn",
    "video_to_audio_norm",
    "video_to_audio_attn",
    "video_a2v_cross_attn_scale_shift_table",
    "audio_a2v_cross_attn_scale_shift_table",
)

# Rows of the modulation table (reference: LTX-2 block, section "rows used").
_SHIFT, _SCALE, _GATE = 0, 1, 2
_FF_SHIFT, _FF_SCALE, _FF_GATE = 3, 4, 5
_TEXT_SHIFT, _TEXT_SCALE, _TEXT_GATE = 6, 7, 8
# Rows of the audio-video table: scale comes before shift here; the last row is the gate.
_A2V_SCALE, _A2V_SHIFT, _V2A_SCALE, _V2A_SHIFT, _BRIDGE_GATE = 0, 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Bridge:
    """One modality's side of the audio <-> video attention."""

    rows_BTRD: Tensor
    """Scale and shift, from the modality's own per-token timesteps."""
    gate_B1D: Tensor
    """Gate of what the modality receives, from the *other* modality's sigma."""
    rope: Rope
    open_B11: Tensor | None = None
    """1 for rows that the other modality reaches, 0 for isolated ones; None when it reaches all."""

    def gate(self, table_RD: Tensor) -> Tensor:
        """What is received is multiplied by this, ``[B, 1, D]``."""
        gate_B1D = table_RD[_BRIDGE_GATE] + self.gate_B1D
        return gate_B1D if self.open_B11 is None else gate_B1D * self.open_B11


@dataclass(frozen=True, slots=True)
class Conditions:
    """What stays the same for one modality through all blocks of a call."""

    modulation_BTRD: Tensor
    embedded_BTD: Tensor
    """The timestep embedding itself, for the output layer."""
    context_BSD: Tensor
    rope: Rope
    prompt_B1RD: Tensor | None = None
    """Text key/value modulation; None where it does not depend on the noise level."""
    context_bias: Tensor | None = None
    self_bias: Tensor | None = None
    bridge: Bridge | None = None
    """None when nothing passes between the modalities."""


@dataclass(frozen=True, slots=True)
class Skips:
    """Perturbation of one block: of the whole batch, or of the rows ``[B]`` that are true."""

    video_self: bool | Tensor = False
    audio_self: bool | Tensor = False


class LtxBlock(LTX2VideoTransformerBlock):
    """The diffusers block with the parts of an absent modality taken out and a forward that can do without them."""

    def __init__(self, modalities: Modalities, eps: float, **arguments: Any) -> None:
        super().__init__(eps=eps, **arguments)
        self.eps = eps
        remove(self, absent_block_parts(modalities))

    def forward(
        self,
        video_BND: Tensor | None,
        audio_BND: Tensor | None,
        video: Conditions | None,
        audio: Conditions | None,
        skips: Skips,
    ) -> tuple[Tensor | None, Tensor | None]:
        """Hidden states in, hidden states out; a modality is None in all three places or in none."""
        if video_BND is not None and video is not None:
            video_BND = self._attend_self_and_text("", video_BND, video, skips.video_self)
        if audio_BND is not None and audio is not None:
            audio_BND = self._attend_self_and_text("audio_", audio_BND, audio, skips.audio_self)
        if video_BND is not None and audio_BND is not None and video is not None and audio is not None:
            video_BND, audio_BND = self._bridge(video_BND, audio_BND, video.bridge, audio.bridge)
        if video_BND is not None and video is not None:
            video_BND = self._feed_forward("", video_BND, video)
        if audio_BND is not None and audio is not None:
            audio_BND = self._feed_forward("audio_", audio_BND, audio)
        return video_BND, audio_BND

    def _attend_self_and_text(self, prefix: str, x_BND: Tensor, given: Conditions, skip_self: bool | Tensor) -> Tensor:
        table_RD = getattr(self, prefix + "scale_shift_table")
        rows = given.modulation_BTRD

        def row(index: int) -> Tensor:
            return table_RD[index] + rows[:, :, index]

        normed = self._norm(x_BND) * (1 + row(_SCALE)) + row(_SHIFT)
        attn1 = getattr(self, prefix + "attn1")
        mixed = attend(attn1, normed, bias=given.self_bias, rope=given.rope, values_only=skip_self)
        x_BND = x_BND + mixed * row(_GATE)

        attn2 = getattr(self, prefix + "attn2")
        if table_RD.shape[0] <= _TEXT_GATE:  # 2.0: the text attention is not modulated
            return x_BND + attend(attn2, self._norm(x_BND), given.context_BSD, bias=given.context_bias)
        normed = self._norm(x_BND) * (1 + row(_TEXT_SCALE)) + row(_TEXT_SHIFT)
        context_BSD = self._modulated_context(prefix, given)
        return x_BND + attend(attn2, normed, context_BSD, bias=given.context_bias) * row(_TEXT_GATE)

    def _modulated_context(self, prefix: str, given: Conditions) -> Tensor:
        rows_B1RD = getattr(self, prefix + "prompt_scale_shift_table")[None, None]
        if given.prompt_B1RD is not None:
            rows_B1RD = rows_B1RD + given.prompt_B1RD
        return given.context_BSD * (1 + rows_B1RD[:, :, _SCALE]) + rows_B1RD[:, :, _SHIFT]

    def _bridge(
        self, video_BND: Tensor, audio_BND: Tensor, video: Bridge | None, audio: Bridge | None
    ) -> tuple[Tensor, Tensor]:
        """Audio <-> video; both directions read the states from before this step."""
        if video is None or audio is None:
            return video_BND, audio_BND
        video_table = self.video_a2v_cross_attn_scale_shift_table
        audio_table = self.audio_a2v_cross_attn_scale_shift_table
        video_normed, audio_normed = self._norm(video_BND), self._norm(audio_BND)
        to_video = attend(
            self.audio_to_video_attn,
            _scaled(video_normed, video_table, video.rows_BTRD, _A2V_SCALE, _A2V_SHIFT),
            _scaled(audio_normed, audio_table, audio.rows_BTRD, _A2V_SCALE, _A2V_SHIFT),
            rope=video.rope,
            context_rope=audio.rope,
        )
        to_audio = attend(
            self.video_to_audio_attn,
            _scaled(audio_normed, audio_table, audio.rows_BTRD, _V2A_SCALE, _V2A_SHIFT),
            _scaled(video_normed, video_table, video.rows_BTRD, _V2A_SCALE, _V2A_SHIFT),
            rope=audio.rope,
            context_rope=video.rope,
        )
        video_BND = video_BND + to_video * video.gate(video_table)
        audio_BND = audio_BND + to_audio * audio.gate(audio_table)
        return video_BND, audio_BND

    def _feed_forward(self, prefix: str, x_BND: Tensor, given: Conditions) -> Tensor:
        table_RD = getattr(self, prefix + "scale_shift_table")
        rows = given.modulation_BTRD
        scale, shift = table_RD[_FF_SCALE] + rows[:, :, _FF_SCALE], table_RD[_FF_SHIFT] + rows[:, :, _FF_SHIFT]
        hidden = getattr(self, prefix + "ff")(self._norm(x_BND) * (1 + scale) + shift)
        return x_BND + hidden * (table_RD[_FF_GATE] + rows[:, :, _FF_GATE])

    def _norm(self, x_BND: Tensor) -> Tensor:
        """Root mean square norm without weights: one call for all of the block's weightless norm modules."""
        return F.rms_norm(x_BND, x_BND.shape[-1:], eps=self.eps)


def block_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of one block from the arguments of the whole transformer (diffusers names)."""
    heads, audio_heads = config["num_attention_heads"], config["audio_num_attention_heads"]
    return {
        "dim": heads * config["attention_head_dim"],
        "num_attention_heads": heads,
        "attention_head_dim": config["attention_head_dim"],
        "cross_attention_dim": config["cross_attention_dim"],
        "audio_dim": audio_heads * config["audio_attention_head_dim"],
        "audio_num_attention_heads": audio_heads,
        "audio_attention_head_dim": config["audio_attention_head_dim"],
        "audio_cross_attention_dim": config["audio_cross_attention_dim"],
        "video_gated_attn": config["gated_attn"],
        "video_cross_attn_adaln": config["cross_attn_mod"],
        "audio_gated_attn": config["audio_gated_attn"],
        "audio_cross_attn_adaln": config["audio_cross_attn_mod"],
        "eps": config["norm_eps"],
        "rope_type": config["rope_type"],
        "ff_bias": config["ff_bias"],
        "audio_ff_bias": config["audio_ff_bias"],
    }


def absent_block_parts(modalities: Modalities) -> frozenset[str]:
    """Names of a block's children and tables that a model of these modalities does not hold."""
    absent: set[str] = set()
    if not modalities.video:
        absent.update(_PARTS)
    if not modalities.audio:
        absent.update("audio_" + name for name in _PARTS)
    if not (modalities.video and modalities.audio):
        absent.update(_BRIDGE_PARTS)
    return frozenset(absent)


def remove(module: nn.Module, names: Iterable[str]) -> None:
    """Take children and parameters out of a module; names it does not have are no concern."""
    for name in names:
        if hasattr(module, name):
            delattr(module, name)


def _scaled(x_BND: Tensor, table_RD: Tensor, rows_BTRD: Tensor, scale: int, shift: int) -> Tensor:
    return x_BND * (1 + table_RD[scale] + rows_BTRD[:, :, scale]) + (table_RD[shift] + rows_BTRD[:, :, shift])
