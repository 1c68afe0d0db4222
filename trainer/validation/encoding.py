"""Media that samples are given, as latents: read and encoded as ``prepare`` does it, once, and kept on disk.

Legend of shapes: B batch, C channels, F frames, H height, W width, T audio steps, M mel bins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor

from schemas.errors import DataError, EnvironmentFault
from trainer.data.buckets import Bucket
from trainer.data.encode_audio import AudioGrid, sound_latents
from trainer.data.pictures import read_clip
from trainer.data.sound import Sound, read_sound
from trainer.files.checkpoint import ModelFiles, file_fingerprint
from trainer.model.audio import AudioEncoder, load_audio_encoder
from trainer.model.out_of_memory import is_out_of_memory
from trainer.model.tiling import ENCODER_TILES
from trainer.model.vae import VideoEncoder, load_video_encoder
from trainer.validation.entries import Entries, free_memory

_NAME: Final = "latents"
_SLACK: Final = 0.1
"""Seconds by which a sound may be shorter than what is asked of it; codecs cut that much."""
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """Frames of a picture or video at a size."""

    path: Path
    size: Bucket
    """Its frames are the number of ``indices``."""
    indices: tuple[int, ...]
    """Of the file's frames, ascending."""
    keep_last: int | None = None
    """Only so many of the last latent frames; the frames before give the causal encoder its past."""


@dataclass(frozen=True, slots=True)
class SoundRequest:
    """A stretch of a sound."""

    path: Path
    part: Literal["start", "end", "most", "fill"]
    """start, end: ``seconds`` of it (None: all), less than the sample. most: what the sample has room for.
    fill: as long as the sample."""
    limit: int
    """Latent steps of the sample's own sound."""
    length: float
    """Seconds of the sample."""
    seconds: float | None = None


Request = ClipRequest | SoundRequest


@dataclass(frozen=True)
class MediaEncoder:
    """Encodes requests with the encoders of the VAEs, each loaded alone, only when it is needed, and dropped."""

    files: ModelFiles
    entries: Entries
    device: torch.device

    def encode(self, requests: Sequence[Request], on_progress: Progress | None = None) -> dict[Request, Tensor]:
        """Latents ``[C, F, H, W]`` or ``[C, T, M]`` fp32 on the CPU of every request.

        Raises DataError naming a file that cannot be read or is too short, EnvironmentFault when memory or the disk
        do not suffice.
        """
        tell = on_progress or (lambda _: None)
        entries = {request: self._entry(request) for request in dict.fromkeys(requests)}
        found = {request: self.entries.read(entry, {_NAME}) for request, entry in entries.items()}
        clips = [one for one, held in found.items() if held is None and isinstance(one, ClipRequest)]
        sounds = [one for one, held in found.items() if held is None and isinstance(one, SoundRequest)]
        made: dict[Request, Tensor] = {}
        if clips:
            made |= self._clips(clips, tell)
        if sounds:
            made |= self._sounds(sounds, tell)
        for request, latents in made.items():
            if not bool(torch.isfinite(latents).all()):
                raise DataError("was encoded to numbers that are not finite", where=request.path)
            self.entries.write(entries[request], {_NAME: latents})
        known = {request: held[_NAME] for request, held in found.items() if held is not None}
        return {request: tensor.float() for request, tensor in (known | made).items()}

    def _entry(self, request: Request) -> Path:
        vae = self._video_vae if isinstance(request, ClipRequest) else self._audio_vae
        return self.entries.path(vae, self.device.type, content_hash(request.path), replace(request, path=Path()))

    @cached_property
    def _video_vae(self) -> str:
        return file_fingerprint(self.files.video_vae)

    @cached_property
    def _audio_vae(self) -> str:
        return file_fingerprint(self.files.audio_vae)

    def _clips(self, requests: Sequence[ClipRequest], tell: Progress) -> dict[Request, Tensor]:
        """In bfloat16, as prepared latents are stored."""
        tell("loading the video encoder")
        dtype = torch.bfloat16 if self.device.type == "cuda" else torch.float32
        encoder = load_video_encoder(self.files, dtype=dtype, device=self.device)
        made: dict[Request, Tensor] = {}
        for number, request in enumerate(requests, start=1):
            tell(f"encoding clip {number} of {len(requests)}")
            pixels_CFHW = read_clip(request.path, request.size, request.indices).pixels_CFHW
            latents_CFHW = _encoded(encoder, pixels_CFHW[None] * 2 - 1, self.device, request.path)[0]
            kept = latents_CFHW if request.keep_last is None else latents_CFHW[:, -request.keep_last :]
            made[request] = kept.to("cpu", torch.bfloat16)
        del encoder
        free_memory(self.device)
        return made

    def _sounds(self, requests: Sequence[SoundRequest], tell: Progress) -> dict[Request, Tensor]:
        tell("loading the audio encoder")
        grid = AudioGrid.of(self.files)
        encoder = load_audio_encoder(self.files, dtype=torch.float32, device=self.device)
        made: dict[Request, Tensor] = {}
        for number, request in enumerate(requests, start=1):
            tell(f"encoding sound {number} of {len(requests)}")
            made[request] = _sound(request, encoder, grid, self.device).cpu()
        del encoder
        free_memory(self.device)
        return made


def content_hash(path: Path) -> str:
    """SHA-256 of a file. Raises DataError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", where=path) from error


def _encoded(encoder: VideoEncoder, video_BCFHW: Tensor, device: torch.device, path: Path) -> Tensor:
    """Latents; in tiles only when the whole does not fit, because tiles change them a little."""
    for tiles in (None, ENCODER_TILES):
        try:
            return encoder.encode(video_BCFHW.to(device), tiles=tiles)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).splitlines()[0]
        free_memory(device)
    raise EnvironmentFault(
        "the device ran out of memory with the video encoder", where=path, why=reason, hint="validate at a smaller size"
    )


def _sound(request: SoundRequest, encoder: AudioEncoder, grid: AudioGrid, device: torch.device) -> Tensor:
    """Latents ``[C, T, M]`` of the stretch that is asked for."""
    unit = grid.reduction * grid.mel.hop / grid.mel.sample_rate
    sound = read_sound(request.path, None if request.part == "end" else request.seconds or request.length)
    if sound is None:
        raise DataError("holds no sound", where=request.path)
    seconds = _seconds(request, sound, grid)
    if request.part == "end":
        # The encoder is causal: as much of the sound before the stretch as the sample would hold gives it its past.
        kept = grid.steps(seconds)
        window = max(min(int(sound.seconds / unit), request.limit), kept)
        tail = Sound(sound.wave_CS[:, -round(window * unit * sound.rate) :], sound.rate)
        return sound_latents(encoder, grid, tail, window * unit, device)[:, -kept:]
    return sound_latents(encoder, grid, sound, seconds, device)[:, : request.limit]


def _seconds(request: SoundRequest, sound: Sound, grid: AudioGrid) -> float:
    """How much a request gives; DataError when the sound is too short or nothing would be left."""
    if request.part == "most":
        return min(sound.seconds, request.length)
    wanted = request.length if request.part == "fill" else request.seconds or sound.seconds
    if sound.seconds < wanted - _SLACK:
        raise DataError(f"lasts {sound.seconds:.2f} s, {wanted:.2f} s are needed", where=request.path)
    if request.part != "fill" and grid.steps(wanted) >= request.limit:
        raise DataError(
            f"gives {wanted:.2f} s of a sample of {request.length:.2f} s: nothing is left to generate",
            where=request.path,
            hint=f"set duration below {request.length:.2f}",
        )
    return wanted
