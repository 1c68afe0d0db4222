"""The formula's answer to a case that the oracle can measure."""

from __future__ import annotations

from dataclasses import replace

from presets.memory import PUBLISHED, RunShape
from presets.memory.phases import resident, training_step
from presets.memory.shapes import MODALITIES, layout
from tests.oracle.training import Case


def predict_training(case: Case) -> dict[str, int]:
    """Bytes by category of the step that ``measure_training`` runs."""
    model = replace(PUBLISHED[case.family], layers=case.layers)
    frames, height, width = case.video or (0, 0, 0)
    run = RunShape(
        video_tokens=frames * height * width,
        audio_tokens=case.audio or 0,
        text_tokens=case.text,
        batch=case.batch,
        generates_video="video" in case.generates,
        generates_audio="audio" in case.generates,
        full=case.full,
        rank=case.rank,
        dropout=case.dropout,
        targets=case.targets,
        half=case.autocast,
        accumulation=2 if case.accumulating else 1,
        checkpointing=case.checkpointing,
        recomputed=case.recomputed,
        quantization=case.quantization,
        swapped=case.swapped,
        mixed=MODALITIES if case.per_token else (),
    )
    return training_step(model, run, resident(layout(model, run.modalities), run))
