"""A finished sample as files, and the event that tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.data.films import Shown, beside, write_mp4, write_png, write_poster, write_wav
from trainer.rundir.events import EventLog
from trainer.rundir.layout import RunDirectory
from trainer.validation.decoding import Decoded
from trainer.validation.plan import SamplePlan


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One finished sample."""

    index: int
    """From 0."""
    prompt: str
    path: Path
    poster: Path | None
    """None for sound alone."""


def write_sample(
    run: RunDirectory, events: EventLog | None, plan: SamplePlan, step: int, media: Decoded, shown: Sequence[Shown]
) -> SampleFile:
    """MP4, PNG for a single frame, WAV for sound alone; ``shown`` stand to the left of the picture, in their order."""
    poster: Path | None = None
    run.samples_path.mkdir(parents=True, exist_ok=True)
    if media.frames_THWC is None:
        path = run.sample_path(step, plan.index, "wav")
        if media.sound_AS is not None:
            write_wav(path, media.sound_AS, media.rate)
    else:
        frames_THWC = media.frames_THWC
        for reference in reversed(shown):
            frames_THWC = beside(reference, frames_THWC)
        still = plan.pixels.frames == 1
        path = run.sample_path(step, plan.index, "png" if still else "mp4")
        if still:
            write_png(path, frames_THWC[0])
        else:
            write_mp4(path, frames_THWC, plan.fps, media.sound_AS, media.rate)
        poster = run.poster_path(step, plan.index)
        write_poster(poster, frames_THWC)
    if events is not None:
        told = None if poster is None else str(poster)
        events.append("sample", step=step, index=plan.index, path=str(path), poster=told, prompt=plan.prompt)
    return SampleFile(plan.index, plan.prompt, path, poster)
