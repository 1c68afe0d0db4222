"""The shape of an LTX-2 model, enough to count every parameter without a file.

``PUBLISHED`` holds the three releases. A caller that has a checkpoint derives a :class:`ModelShape` from its
configuration instead. Sources: the configuration entries and tensor shapes of the published headers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal

Modality = Literal["video", "audio"]
MODALITIES: Final[tuple[Modality, Modality]] = ("video", "audio")
TIME_FREQUENCIES: Final = 256
"""Width of the sinusoid in front of every timestep embedding."""
FEED_FORWARD: Final = 4
"""A feed-forward layer is this many times as wide as the model."""


@dataclass(frozen=True, slots=True)
class BranchShape:
    """One modality's half of the transformer."""

    width: int
    heads: int
    channels: int
    """Channels of a latent token, in and out."""
    ff_bias: bool = True


@dataclass(frozen=True, slots=True)
class PartsShape:
    """Parameters of the networks around the transformer."""

    video_connector: int
    audio_connector: int
    extractor: int
    video_encoder: int
    video_decoder: int
    audio_encoder: int
    audio_decoder: int
    vocoder: int
    text_encoder: int
    """Language part only."""
    text_embedding: int = 262_208 * 3840
    """Numbers of its token embedding, which eight bits leave alone."""
    text_hidden: int = 3840
    text_states: int = 49
    """Hidden states that the extractor reads: the embedding's and one per layer."""

    @property
    def text_layer(self) -> int:
        """Parameters of one layer of the text encoder."""
        return (self.text_encoder - self.text_embedding) // max(self.text_states - 1, 1)


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A transformer and the parts around it."""

    name: str
    """``2.0``, ``2.3``, ``2.5`` or whatever the caller wants to see in a message."""
    layers: int
    video: BranchShape
    audio: BranchShape
    bridge_width: int
    """Inner width of the attention between video and audio."""
    caption_width: int | None
    """Input width of the caption projection inside the transformer (2.0); None when there is none."""
    gated: bool
    """Every attention has a gate per head."""
    modulated: bool
    """Text attention is modulated: nine rows per table instead of six, and a table for the text."""
    prompt_embedding: bool
    """The text's modulation depends on the noise level."""
    keyframe_embedding: bool
    vae: Literal["2.0", "2.3", "2.5"]
    """Which release's video VAE: 2.5 means its diffusion decoder; its convolutional file is that of 2.3."""
    parts: PartsShape

    def branch(self, modality: Modality) -> BranchShape:
        """One half."""
        return self.video if modality == "video" else self.audio

    @property
    def rows(self) -> int:
        """Rows of a block's modulation table."""
        return 9 if self.modulated else 6

    def context_width(self, modality: Modality) -> int:
        """Width of the text context that the transformer is given."""
        return self.branch(modality).width if self.caption_width is None else self.caption_width


@dataclass(frozen=True, slots=True)
class LinearShape:
    """One linear layer by its official name; names of block layers start after ``transformer_blocks.N.``"""

    name: str
    fan_in: int
    fan_out: int
    bias: bool = True

    @property
    def weight(self) -> int:
        return self.fan_in * self.fan_out

    @property
    def parameters(self) -> int:
        return self.weight + (self.fan_out if self.bias else 0)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """What a transformer of certain modalities holds. One object per model and modalities, so that it can be a key."""

    block: tuple[LinearShape, ...]
    root: tuple[LinearShape, ...]
    block_vectors: int
    """Parameters of one block's norms and tables."""
    root_vectors: int
    layers: int
    by_name: Mapping[str, LinearShape] = field(repr=False)
    """Block layers by name."""

    @property
    def block_parameters(self) -> int:
        return sum(linear.parameters for linear in self.block) + self.block_vectors

    @property
    def parameters(self) -> int:
        """All of them."""
        root = sum(linear.parameters for linear in self.root) + self.root_vectors
        return root + self.layers * self.block_parameters


@lru_cache(maxsize=32)
def layout(model: ModelShape, modalities: tuple[Modality, ...] = MODALITIES) -> Layout:
    """Every linear layer and the number of all other parameters, for a transformer with these halves only."""
    block = tuple(_block(model, modalities))
    vectors = tables = 0
    for name in modalities:
        width = model.branch(name).width
        vectors += 4 * width + model.rows * width + (2 * width if model.modulated else 0)
        tables += 2 * width
    if len(modalities) == 2:
        vectors += 4 * model.bridge_width + 5 * (model.video.width + model.audio.width)
    if "video" in modalities and model.keyframe_embedding:
        tables += model.video.width
    return Layout(
        block=block,
        root=tuple(_root(model, modalities)),
        block_vectors=vectors,
        root_vectors=tables,
        layers=model.layers,
        by_name=MappingProxyType({linear.name: linear for linear in block}),
    )


def _prefix(modality: Modality) -> str:
    return "" if modality == "video" else "audio_"


def _block(model: ModelShape, modalities: tuple[Modality, ...]) -> Iterator[LinearShape]:
    for name in modalities:
        branch, prefix = model.branch(name), _prefix(name)
        for attention in ("attn1", "attn2"):
            yield from _attention(f"{prefix}{attention}", model, branch.width, branch.width, branch.width, branch.heads)
        inner = FEED_FORWARD * branch.width
        yield LinearShape(f"{prefix}ff.net.0.proj", branch.width, inner, branch.ff_bias)
        yield LinearShape(f"{prefix}ff.net.2", inner, branch.width, branch.ff_bias)
    if len(modalities) == 2:
        video, audio, inner = model.video.width, model.audio.width, model.bridge_width
        yield from _attention("audio_to_video_attn", model, video, audio, inner, model.audio.heads)
        yield from _attention("video_to_audio_attn", model, audio, video, inner, model.audio.heads)


def _attention(name: str, model: ModelShape, query: int, source: int, inner: int, heads: int) -> Iterator[LinearShape]:
    yield LinearShape(f"{name}.to_q", query, inner)
    yield LinearShape(f"{name}.to_k", source, inner)
    yield LinearShape(f"{name}.to_v", source, inner)
    yield LinearShape(f"{name}.to_out.0", inner, query)
    if model.gated:
        yield LinearShape(f"{name}.to_gate_logits", query, heads)


def _root(model: ModelShape, modalities: tuple[Modality, ...]) -> Iterator[LinearShape]:
    for name in modalities:
        branch, prefix = model.branch(name), _prefix(name)
        yield LinearShape(f"{prefix}patchify_proj", branch.channels, branch.width)
        yield LinearShape(f"{prefix}proj_out", branch.width, branch.channels)
        yield from _embedding(f"{prefix}adaln_single", branch.width, model.rows)
        if model.modulated and model.prompt_embedding:
            yield from _embedding(f"{prefix}prompt_adaln_single", branch.width, 2)
        if model.caption_width is not None:
            yield LinearShape(f"{prefix}caption_projection.linear_1", model.caption_width, branch.width)
            yield LinearShape(f"{prefix}caption_projection.linear_2", branch.width, branch.width)
    if len(modalities) == 2:
        yield from _embedding("av_ca_video_scale_shift_adaln_single", model.video.width, 4)
        yield from _embedding("av_ca_audio_scale_shift_adaln_single", model.audio.width, 4)
        yield from _embedding("av_ca_a2v_gate_adaln_single", model.video.width, 1)
        yield from _embedding("av_ca_v2a_gate_adaln_single", model.audio.width, 1)


def _embedding(name: str, width: int, rows: int) -> Iterator[LinearShape]:
    yield LinearShape(f"{name}.emb.timestep_embedder.linear_1", TIME_FREQUENCIES, width)
    yield LinearShape(f"{name}.emb.timestep_embedder.linear_2", width, width)
    yield LinearShape(f"{name}.linear", width, rows * width)
