"""Sounds, reference sounds and audio masks to ``audio_latents/``, ``reference_audio_latents/`` and ``audio_masks/``.

A sound that belongs to a video is cut or filled with silence to the clip's real length. Latents have
``round(seconds * 25)`` steps (25 from the checkpoint: sample rate / hop / 4), the number that sampling uses: the mel
spectrogram is cut to the ``4 n - 3`` frames that the causal encoder turns into n steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from schemas.errors import DataError
from trainer.data.encode_video import LATENTS, target_bucket
from trainer.data.masks import audio_mask
from trainer.data.mel import MelSpec, log_mel
from trainer.data.phase import Workshop
from trainer.data.plan import Plan, Sample
from trainer.data.pt_files import Content, load_pt
from trainer.data.report import Finding
from trainer.data.sound import Sound, fit, read_sound, resample, to_stereo
from trainer.files.checkpoint import ModelFiles, read_checkpoint
from trainer.model.audio import AudioEncoder, audio_latent_shape, load_audio_encoder

AUDIO, REFERENCE_AUDIO, AUDIO_MASKS = "audio_latents", "reference_audio_latents", "audio_masks"
_NOTICEABLE = 0.1
"""Seconds of added silence worth telling."""


@dataclass(frozen=True, slots=True)
class AudioGrid:
    """How sound becomes latents in this checkpoint."""

    mel: MelSpec
    reduction: int
    """Mel frames per latent step."""

    @staticmethod
    def of(files: ModelFiles) -> AudioGrid:
        config = read_checkpoint(files.audio_vae).section("audio_vae")
        return AudioGrid(MelSpec.from_config(config), audio_latent_shape(files).time_compression)

    def steps(self, seconds: float) -> int:
        """Latent steps of a sound.

        The rate is worked out first, as sampling does it: 5.1 seconds are 127 steps, the other order would say 128.
        """
        rate = self.mel.sample_rate / self.mel.hop / self.reduction
        return max(round(seconds * rate), 1)

    def mel_frames(self, steps: int) -> int:
        """Mel frames that the causal encoder turns into exactly ``steps`` steps."""
        return self.reduction * (steps - 1) + 1


def encode_sounds(shop: Workshop) -> None:
    """Encode the missing audio latents: of the audio column, else of the videos' own sound."""
    plan = shop.plan
    explicit = "audio" in plan.roles
    samples = _clips(plan)
    if not explicit:
        samples = [sample for sample in samples if plan.sizes[sample.name].kind == "video"]
    role = "audio" if explicit else "video"
    todo = _with_sound(shop, samples, role)
    _encode_all(shop, "audio", AUDIO, todo, lambda sample: _target_wave(shop, sample, role))


def encode_reference_sounds(shop: Workshop) -> None:
    """Encode the missing reference audio latents; they are cut to the clip's length but never filled up."""
    samples = _clips(shop.plan)
    todo = shop.pending(REFERENCE_AUDIO, samples)
    _encode_all(shop, "reference audio", REFERENCE_AUDIO, todo, lambda sample: _reference_wave(shop.plan, sample))


def make_audio_masks(shop: Workshop) -> None:
    """Write the missing audio masks on the grid of the audio latents."""
    plan = shop.plan
    samples = [sample for sample in plan.samples if plan.output(AUDIO, sample).exists()]
    todo = shop.pending(AUDIO_MASKS, samples)
    for done, sample in enumerate(todo, start=1):
        shop.attempt(sample, "audio masks", partial(_make_mask, shop, sample))
        shop.progress("audio masks", done, len(todo))


def _clips(plan: Plan) -> list[Sample]:
    """Samples whose sound is wanted: with a video column, those whose video was encoded."""
    if "video" not in plan.roles:
        return list(plan.samples)
    return [sample for sample in plan.samples if plan.output(LATENTS, sample).exists()]


def _with_sound(shop: Workshop, samples: Sequence[Sample], role: str) -> list[Sample]:
    """Pending samples that have a sound track; the others are reported as missing theirs."""
    todo = []
    for sample in shop.pending(AUDIO, samples):
        silent = role == "video" and not shop.plan.sizes[sample.name].has_audio
        if silent:
            path = str(sample.media[role])
            shop.report.missing_audio.append(Finding(sample.name, "audio", path, "the video has no sound track"))
        else:
            todo.append(sample)
    return todo


def _encode_all(
    shop: Workshop, phase: str, directory: str, todo: Sequence[Sample], read: Callable[[Sample], tuple[Sound, float]]
) -> None:
    if not todo:
        return
    grid = AudioGrid.of(shop.plan.files)

    def work(encoder: AudioEncoder) -> None:
        def one(sample: Sample) -> None:
            shop.save(directory, sample, _encode(encoder, grid, *read(sample), shop.device))

        for done, sample in enumerate(todo, start=1):
            shop.attempt(sample, phase, partial(one, sample))
            shop.progress(phase, done, len(todo))

    files = shop.plan.files
    shop.using("audio encoder", lambda: load_audio_encoder(files, dtype=torch.float32, device=shop.device), work)


def _encode(encoder: AudioEncoder, grid: AudioGrid, sound: Sound, seconds: float, device: torch.device) -> Content:
    """Audio latents of ``seconds`` of a sound as section 3.2 of the file format wants them."""
    latents_CTM = sound_latents(encoder, grid, sound, seconds, device)
    return {
        "latents": latents_CTM,
        "num_time_steps": latents_CTM.shape[1],
        "frequency_bins": latents_CTM.shape[2],
        "duration": _samples(grid, seconds) / grid.mel.sample_rate,
    }


def sound_latents(
    encoder: AudioEncoder, grid: AudioGrid, sound: Sound, seconds: float, device: torch.device
) -> torch.Tensor:
    """Latents [C,T,M] in float32 of the first ``seconds`` of a sound; what it lacks is silence."""
    rate, samples = grid.mel.sample_rate, _samples(grid, seconds)
    wave_2S = fit(resample(to_stereo(sound.wave_CS), sound.rate, rate), samples)
    steps = grid.steps(seconds)
    mel_B2TM = log_mel(torch.from_numpy(wave_2S)[None].to(device), grid.mel)[:, :, : grid.mel_frames(steps)]
    return encoder.encode(mel_B2TM)[0].to(torch.float32)


def _samples(grid: AudioGrid, seconds: float) -> int:
    return max(round(seconds * grid.mel.sample_rate), 1)


def _target_wave(shop: Workshop, sample: Sample, role: str) -> tuple[Sound, float]:
    """A sample's sound and the seconds of it that are wanted."""
    plan, path = shop.plan, sample.media[role]
    clip_seconds = _clip_seconds(plan, sample)
    sound = _sound(path, clip_seconds)
    if sound.silent:
        shop.note(sample, "audio", "the sound is silence throughout", role)
    if clip_seconds is None:
        return sound, _chosen_length(plan, sound, path)
    if sound.seconds < clip_seconds - _NOTICEABLE:
        gap = clip_seconds - sound.seconds
        shop.note(sample, "audio", f"the sound ends {gap:.2f} s before the clip; silence was added", role)
    return sound, clip_seconds


def _reference_wave(plan: Plan, sample: Sample) -> tuple[Sound, float]:
    clip_seconds = _clip_seconds(plan, sample)
    sound = _sound(sample.media["reference_audio"], clip_seconds)
    return sound, min(sound.seconds, clip_seconds or sound.seconds)


def _sound(path: Path, seconds: float | None) -> Sound:
    sound = read_sound(path, seconds)
    if sound is None:
        raise DataError("holds no sound", where=path)
    return sound


def _clip_seconds(plan: Plan, sample: Sample) -> float | None:
    """Length of the sample's video; None in a dataset of sounds."""
    if "video" not in plan.roles:
        return None
    bucket, fps = target_bucket(plan, sample)
    return bucket.frames / fps


def _chosen_length(plan: Plan, sound: Sound, path: Path) -> float:
    """The longest of ``--audio-durations`` that the sound fills, or all of it when none are given."""
    durations = plan.options.audio_durations
    if not durations:
        return sound.seconds
    fitting = [seconds for seconds in durations if seconds <= sound.seconds]
    if not fitting:
        raise DataError(
            f"too short: {sound.seconds:.2f} s, the shortest of --audio-durations is {min(durations):g} s", where=path
        )
    return max(fitting)


def _make_mask(shop: Workshop, sample: Sample) -> None:
    latents = load_pt(shop.plan.output(AUDIO, sample))
    steps, duration = int(latents["num_time_steps"]), float(latents["duration"])
    shop.save(AUDIO_MASKS, sample, {"mask": audio_mask(sample.media["audio_mask"], steps, duration)})
