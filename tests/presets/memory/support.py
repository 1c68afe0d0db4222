"""A run to vary: a LoRA of LTX-2.3 on clips of 960x544x89 with their sound."""

from __future__ import annotations

from presets.memory import PUBLISHED, ClipSize, JobShape, RunShape, SavingShape, TextShape, ValidationShape

CLIP = ClipSize(960, 544, 89)
TOKENS, SOUND = 6120, 93
LARGE = JobShape(
    model=PUBLISHED["2.3"],
    run=RunShape(TOKENS, SOUND, rank=32),
    clip=CLIP,
    validation=ValidationShape(CLIP, TOKENS, SOUND),
    text=TextShape(),
    saving=SavingShape(),
)
