"""What decoding samples takes of the device, known before it begins: the same figures as the estimate's."""

from __future__ import annotations

from collections.abc import Sequence

from presets.memory import ClipSize, ModelShape
from presets.memory.decoding import decode_bytes
from presets.memory.phases import SOUND_BYTES
from presets.memory.tape import FP32, HALF
from schemas.errors import WizardError
from trainer.files.checkpoint import ModelFiles, read_checkpoint
from trainer.preflight.model_shape import model_shape
from trainer.validation.plan import SamplePlan


def decoding_bytes(files: ModelFiles, plans: Sequence[SamplePlan]) -> int:
    """Bytes beside everything that stands on a card already; 0 for a model whose shape is not understood.

    The decoders come one after the other, so the larger of picture and sound counts.
    """
    model = _shape(files)
    if model is None:
        return 0
    clips = [ClipSize(plan.pixels.width, plan.pixels.height, plan.pixels.frames) for plan in plans if plan.has_video]
    needs = [HALF * model.parts.video_decoder + decode_bytes(model, clip) for clip in clips]
    if any(plan.present("audio") for plan in plans):
        needs.append(FP32 * (model.parts.audio_decoder + model.parts.vocoder) + SOUND_BYTES)
    return max(needs, default=0)


def _shape(files: ModelFiles) -> ModelShape | None:
    try:
        return model_shape(read_checkpoint(files.transformer), read_checkpoint(files.video_vae))
    except (WizardError, KeyError, TypeError, ValueError):
        return None
