"""From noise to latents: predict, guide, put kept tokens back, step.

The state is fp32 throughout. Shapes as in
``trainer.model.inputs``; B is 1 here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from trainer.model.inputs import ModalityInput, Perturbation, Perturbations, stacked
from trainer.objective.state import TokenState
from trainer.validation.guidance import OFF, Guidance, Pass, Scales, combine


class Denoiser(Protocol):
    """What is asked of a transformer: velocities of both modalities. ``trainer.model.transformer.LtxTransformer``."""

    def __call__(
        self, video: ModalityInput | None, audio: ModalityInput | None, perturbation: Perturbations | None = None
    ) -> tuple[Tensor | None, Tensor | None]: ...


@dataclass(frozen=True, slots=True)
class Track:
    """One modality of a sample on its way."""

    state: TokenState
    """Noised tokens, clean tokens, masks, positions."""
    context_BSD: Tensor
    negative_BSD: Tensor | None = None
    """Needed where its CFG scale is not 1."""
    frozen: bool = False
    """Given as a whole: it conditions the other modality and is not stepped."""

    def inputs(self, sigma: Tensor, *, negative: bool) -> ModalityInput:
        """What the transformer reads at noise level ``sigma`` (scalar)."""
        level_B = torch.zeros_like(sigma[None]) if self.frozen else sigma[None]
        context = self.negative_BSD if negative else self.context_BSD
        if context is None:
            raise ValueError("this guidance needs a negative context")
        return self.state.as_input(level_B, context)


@dataclass(frozen=True, slots=True)
class Tracks:
    """Both modalities of a sample; None for one that takes no part."""

    video: Track | None
    audio: Track | None

    def present(self) -> dict[str, Track]:
        """The tracks that take part, by modality."""
        return {name: track for name, track in (("video", self.video), ("audio", self.audio)) if track is not None}


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one step found for one modality, all ``[B, N, C]`` fp32."""

    passes: Mapping[Pass, Tensor]
    """Clean prediction of each forward pass."""
    guided: Tensor
    x0: Tensor
    """Guided, with the kept tokens put back: what the step moves towards."""


def sample(
    transformer: Denoiser,
    tracks: Tracks,
    guidance: Guidance,
    sigmas: Tensor,
    *,
    block_count: int,
    at_once: int = 1,
    on_step: Callable[[int], None] | None = None,
) -> Tracks:
    """Step ``tracks`` through the noise levels ``sigmas`` (``[steps + 1]``, last 0) and return them clean.

    ``block_count`` is the number of the transformer's blocks; ``at_once`` as in ``predict``; ``on_step`` is called with
    the number of steps done.
    Gradients are not recorded. The transformer computes in whatever precision it or a surrounding autocast has, as in
    training: it is given fp32 tokens.
    """
    # Noise levels stay on the CPU as numbers until used, so that no step waits for the device to answer.
    steps = sigmas.tolist()
    with torch.no_grad():
        for index, (now, then) in enumerate(itertools.pairwise(steps), start=1):
            found = predict(transformer, tracks, guidance, now, block_count=block_count, at_once=at_once)
            tracks = Tracks(
                video=_stepped(tracks.video, found.get("video"), now, then),
                audio=_stepped(tracks.audio, found.get("audio"), now, then),
            )
            if on_step is not None:
                on_step(index)
    return tracks


def predict(
    transformer: Denoiser, tracks: Tracks, guidance: Guidance, sigma: float, *, block_count: int, at_once: int = 1
) -> dict[str, Prediction]:
    """Clean predictions of every modality at noise level ``sigma``.

    The step's passes, up to four, go through the transformer as rows of a batch, ``at_once`` of them at a time.
    """
    guidance = steering(tracks, guidance)
    present = tracks.present()
    found: dict[str, dict[Pass, Tensor]] = {name: {} for name in present}
    passes = guidance.passes()
    for first in range(0, len(passes), at_once):
        names = passes[first : first + at_once]
        velocities = transformer(
            _rows(tracks.video, guidance.video, names, sigma),
            _rows(tracks.audio, guidance.audio, names, sigma),
            _perturbations(guidance, names, block_count),
        )
        for modality, velocity in zip(("video", "audio"), velocities, strict=True):
            if velocity is not None:
                for row, name in enumerate(names):
                    found[modality][name] = _clean(present[modality], velocity[row : row + 1], sigma)
    scales = {"video": guidance.video, "audio": guidance.audio}
    return {
        modality: _guided(track, found[modality], scales[modality], guidance.rescale)
        for modality, track in present.items()
    }


def steering(tracks: Tracks, guidance: Guidance) -> Guidance:
    """The guidance that is left for these tracks: nothing steers what is given whole or absent."""
    video, audio = tracks.video, tracks.audio
    return guidance.reduced(
        video=video is not None,
        audio=audio is not None,
        generates_video=video is not None and not video.frozen,
        generates_audio=audio is not None and not audio.frozen,
    )


def _perturbations(guidance: Guidance, names: Sequence[Pass], block_count: int) -> Perturbations | None:
    each = [guidance.perturbation(name, block_count) for name in names]
    return each[0] if len(each) == 1 else [one or Perturbation() for one in each]


def _rows(track: Track | None, scales: Scales, names: Sequence[Pass], sigma: float) -> ModalityInput | None:
    if track is None:
        return None
    each = [_inputs(track, scales, name, sigma) for name in names]
    return each[0] if len(each) == 1 else stacked(each)


def _inputs(track: Track, scales: Scales, name: Pass, sigma: float) -> ModalityInput:
    level = track.state.tokens.new_tensor(sigma, dtype=torch.float32)
    return track.inputs(level, negative=name == "uncond" and scales.cfg != OFF.cfg)


def _clean(track: Track, velocity_BNC: Tensor, sigma: float) -> Tensor:
    """x0 = x - v * sigma per token; kept tokens have sigma 0, so a frozen modality predicts itself."""
    level_BN1 = track.state.denoise_mask * (0.0 if track.frozen else sigma)
    return track.state.tokens - velocity_BNC.float() * level_BN1


def _guided(track: Track, passes: dict[Pass, Tensor], scales: Scales, rescale: float) -> Prediction:
    guided = passes["cond"] if track.frozen else combine(passes, scales, rescale)
    state = track.state
    x0 = guided * state.denoise_mask + state.clean * (1 - state.denoise_mask)
    return Prediction(passes, guided, x0)


def _stepped(track: Track | None, found: Prediction | None, now: float, then: float) -> Track | None:
    if track is None or found is None or track.frozen:
        return track
    return replace(track, state=replace(track.state, tokens=euler(track.state.tokens, found.x0, now, then)))


def euler(x_BNC: Tensor, x0_BNC: Tensor, now: float, then: float) -> Tensor:
    """One Euler step of x along (x - x0) / now, from noise level ``now`` to ``then``.

    Written as x0 + (x - x0) * then / now: the same, and exactly x0 when ``then`` is 0.
    """
    return x0_BNC + (x_BNC - x0_BNC) * (then / now)
