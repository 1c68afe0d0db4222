"""Everything that samples are given, encoded and ready to be laid over their states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from schemas.errors import ConfigError
from schemas.validation_conditions import MaskSample, targets
from trainer.data.films import Shown
from trainer.objective.batch import ModalityName
from trainer.validation.conditions import Given
from trainer.validation.encoding import ClipRequest, MediaEncoder, Progress
from trainer.validation.plan import MODALITIES, SamplePlan
from trainer.validation.requests import mask_of, reference_pixels, request_of
from trainer.validation.space import LatentSpace


@dataclass(frozen=True, slots=True)
class SampleMedia:
    """What one sample is given."""

    given: tuple[Given, ...] = ()
    shown: tuple[Shown, ...] = ()
    """References to be put beside the video."""

    def on(self, modality: ModalityName) -> tuple[Given, ...]:
        """Conditions on one modality."""
        return tuple(item for item in self.given if targets(item.condition) == modality)


def encode_given(
    plans: Sequence[SamplePlan], encoder: MediaEncoder, space: LatentSpace, on_progress: Progress | None = None
) -> dict[int, SampleMedia]:
    """What every sample is given, by its index. Nothing is loaded when all of it was encoded before.

    Raises DataError for media that are unreadable or too short, ConfigError when nothing of a sample is left to make.
    """
    wanted = {
        (plan.index, place): request_of(condition, plan, space.scale)
        for plan in plans
        for place, condition in enumerate(plan.conditions)
    }
    latents = encoder.encode(tuple(wanted.values()), on_progress)
    media = {}
    for plan in plans:
        given, shown = [], []
        for place, condition in enumerate(plan.conditions):
            request = wanted[plan.index, place]
            mask = mask_of(condition, plan, space.scale) if isinstance(condition, MaskSample) else None
            given.append(Given(condition, latents[request][None], mask))
            if condition in plan.shown_references() and isinstance(request, ClipRequest):
                shown.append(Shown(reference_pixels(request), getattr(condition, "temporal_scale_factor", 1)))
        media[plan.index] = SampleMedia(tuple(given), tuple(shown))
        _demand_work(plan, media[plan.index], space)
    return media


def _demand_work(plan: SamplePlan, media: SampleMedia, space: LatentSpace) -> None:
    for modality in MODALITIES:
        if not plan.generates(modality):
            continue
        state = space.start(modality, plan, media.on(modality), torch.device("cpu")).state
        if not bool(state.denoise_mask[:, state.target].any()):
            raise ConfigError(
                f"together the conditions give the whole {modality}: nothing is left to generate",
                where=f"validation.samples[{plan.index}].conditions",
                hint="give less, or shorten one of them",
            )
