"""Samples made while training: prompts encoded before it, denoising at intervals, decoding, files, events."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from schemas.errors import NumericError
from trainer.files.checkpoint import ModelFiles, files_vae_scale, read_checkpoint, transformer_config
from trainer.model.audio import audio_latent_shape
from trainer.model.inputs import Modalities
from trainer.model.transformer import LtxTransformer
from trainer.objective.state import TokenState, audio_state, video_state
from trainer.objective.tokens import unpatchify_audio, unpatchify_video
from trainer.rundir.events import EventLog
from trainer.rundir.layout import RunDirectory
from trainer.validation.decoding import Decoded, Latents, decode
from trainer.validation.guidance import Guidance
from trainer.validation.media import write_mp4, write_png, write_poster, write_wav
from trainer.validation.plan import SamplePlan, effective_guidance, made_modalities, plan_samples
from trainer.validation.prompts import PromptContext, PromptEncoder
from trainer.validation.sampler import Track, Tracks, sample
from trainer.validation.schedule import sigmas

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

CACHE_NAME: Final = ".validation_prompts"
Progress = Callable[[str, int, int], None]
"""message, done, total"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SampleFile:
    """One finished sample."""

    index: int
    """From 0."""
    prompt: str
    path: Path
    poster: Path | None
    """None for sound alone."""


class ValidationRunner:
    """Makes the samples of ``config.validation``.

    ``device`` is where everything runs; ``dtype`` is what is computed in, under autocast as in training (fp32: no
    autocast). ``modalities``, when given, is what the transformer will hold; a modality it lacks is left out of the
    samples, with a warning. Construction loads nothing and raises ConfigError for samples that cannot be made.
    """

    def __init__(
        self,
        config: LtxTrainerConfig,
        files: ModelFiles,
        device: torch.device | str,
        dtype: torch.dtype,
        run: RunDirectory,
        events: EventLog | None,
        *,
        modalities: Modalities | None = None,
        cache: Path | None = None,
    ) -> None:
        self._config = config.validation
        self._files = files
        self._device = torch.device(device)
        self._dtype = dtype
        self._run = run
        self._events = events
        self._cache = cache or _default_cache(Path(config.data.preprocessed_data_root), run)
        self._in_8bit = config.acceleration.load_text_encoder_in_8bit
        self._contexts: dict[str, PromptContext] = {}
        self.interval = self._config.interval
        """Optimizer steps between validations, None for never; may be changed while training."""
        self.plans: tuple[SamplePlan, ...] = ()
        self._guidance = Guidance()
        self._made = made_modalities(self._config, modalities)
        if self._made is not None:
            blocks = int(transformer_config(read_checkpoint(files.transformer))["num_layers"])
            self.plans = plan_samples(self._config, self._made, files_vae_scale(files), blocks)
            self._guidance = effective_guidance(self._config, self._made)
            self._tell_reduction(self._made)

    def due(self, step: int, *, start: bool = False) -> bool:
        """Whether samples are to be made after optimizer step ``step``, or, with ``start``, before the first one."""
        if self.interval is None or not self.plans:
            return False
        if start:
            return not self._config.skip_initial_validation
        return step > 0 and step % self.interval == 0

    def prepare(self, on_progress: Callable[[str], None] | None = None) -> None:
        """Encode all prompts, or find them on disk. To be called before the transformer is loaded."""
        if self._made is None:
            return
        encoder = PromptEncoder(self._files, self._cache, self._made, self._device, self._dtype, self._in_8bit)
        prompts = [plan.prompt for plan in self.plans]
        if "uncond" in self._guidance.passes():
            prompts.append(self._config.negative_prompt)
        self._contexts = encoder.encode(prompts, on_progress)

    def run(
        self,
        transformer: LtxTransformer,
        step: int,
        on_progress: Progress | None = None,
        *,
        only: Sequence[int] | None = None,
    ) -> tuple[SampleFile, ...]:
        """Make the samples (of the indexes ``only``, for one of several ranks) and write them and their events.

        ``transformer`` is the bare one, without the accelerator's wrapper. Its mode and the global random state are as
        before afterwards, whatever happens. Raises WizardErrors and torch.OutOfMemoryError to the training loop.
        """
        plans = [plan for plan in self.plans if only is None or plan.index in only]
        if not plans:
            return ()
        self._check_held(transformer.modalities)
        if not self._contexts:
            raise ValueError("prepare() comes before run()")
        tell = on_progress or (lambda *_: None)
        with _evaluating(transformer), _random_untouched(self._device), torch.no_grad():
            latents = [self._denoise(transformer, plan, tell, place, len(plans)) for place, plan in enumerate(plans)]
            total = len(plans) * self._config.inference_steps
            tell("decoding", total, total)
            decoded = decode(
                self._files, latents, [plan.seed for plan in plans], device=self._device, dtype=self._dtype
            )
        return tuple(self._write(plan, step, media) for plan, media in zip(plans, decoded, strict=True))

    def _tell_reduction(self, made: Modalities) -> None:
        wanted = {"video": self._config.generate_video, "audio": self._config.generate_audio}
        for name, want in wanted.items():
            if want and not getattr(made, name):
                message = (
                    f"validation samples are made without {name}: this run trains no {name} and holds no {name} half "
                    f"of the model (set validation.generate_{name} to false to say so yourself)"
                )
                _log.warning("%s", message)
                if self._events is not None:
                    self._events.append("warning", code="validation_reduced", message=message)

    def _check_held(self, held: Modalities) -> None:
        if self._made is not None and ((self._made.video and not held.video) or (self._made.audio and not held.audio)):
            raise ValueError("the transformer lacks a modality that the runner was told it holds")

    def _denoise(
        self, transformer: LtxTransformer, plan: SamplePlan, tell: Progress, place: int, count: int
    ) -> Latents:
        steps = self._config.inference_steps

        def on_step(done: int) -> None:
            tell(f"sample {place + 1} of {count}", place * steps + done, count * steps)

        tell(f"sample {place + 1} of {count}", place * steps, count * steps)
        with self._precision():
            tracks = sample(
                transformer,
                self._tracks(transformer, plan),
                self._guidance,
                sigmas(steps),
                block_count=len(transformer.transformer_blocks),
                on_step=on_step,
            )
        return self._latents(plan, tracks)

    def _precision(self) -> contextlib.AbstractContextManager[object]:
        if self._dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self._device.type, dtype=self._dtype)

    def _tracks(self, transformer: LtxTransformer, plan: SamplePlan) -> Tracks:
        """Pure noise. It is drawn on the CPU, video first, so that a seed means the same sample on every device."""
        generator = torch.Generator().manual_seed(plan.seed)
        video = audio = None
        if plan.has_video:
            channels = int(transformer.config.in_channels)
            clean = torch.zeros(1, channels, plan.frames, plan.height, plan.width, device=self._device)
            state = video_state(
                clean,
                torch.tensor([plan.fps], dtype=torch.float64),
                files_vae_scale(self._files),
                mark_keyframes=bool(transformer.config.use_keyframes_abs_pos_embedding),
            )
            video = self._track(state, generator, plan.prompt, "video_SD")
        if plan.has_audio:
            shape = audio_latent_shape(self._files)
            clean = torch.zeros(1, shape.channels, plan.audio_steps, shape.bins, device=self._device)
            audio = self._track(audio_state(clean), generator, plan.prompt, "audio_SD")
        return Tracks(video, audio)

    def _track(self, state: TokenState, generator: torch.Generator, prompt: str, field: str) -> Track:
        noise = torch.randn(state.tokens.shape, generator=generator).to(self._device)
        negative = self._contexts.get(self._config.negative_prompt)
        return Track(
            state=state.noised(noise, torch.ones(1, device=self._device)),
            context_BSD=self._context(self._contexts[prompt], field),
            negative_BSD=None if negative is None else self._context(negative, field),
        )

    def _context(self, context: PromptContext, field: str) -> Tensor:
        tensor: Tensor | None = getattr(context, field)
        if tensor is None:
            raise ValueError(f"the prompts were encoded without {field}")
        return tensor[None].to(self._device)

    def _latents(self, plan: SamplePlan, tracks: Tracks) -> Latents:
        video = audio = None
        if tracks.video is not None:
            video = unpatchify_video(tracks.video.state.tokens, plan.frames, plan.height, plan.width).cpu()
        # A still picture has no sound: what was made beside it took part in making it, and ends here.
        if tracks.audio is not None and not (plan.has_video and plan.pixel_frames == 1):
            shape = audio_latent_shape(self._files)
            audio = unpatchify_audio(tracks.audio.state.tokens, shape.channels, shape.bins).cpu()
        for name, latents in (("video", video), ("audio", audio)):
            if latents is not None and not bool(torch.isfinite(latents).all()):
                raise NumericError(
                    f"the {name} of validation sample {plan.index + 1} is not finite",
                    why="the model's prediction overflowed: its weights may have diverged",
                    hint="look at loss and gradient norm, and compare with the samples of earlier steps",
                )
        return Latents(video, audio)

    def _write(self, plan: SamplePlan, step: int, media: Decoded) -> SampleFile:
        poster: Path | None = None
        self._run.samples_path.mkdir(parents=True, exist_ok=True)
        if media.frames_THWC is None:
            path = self._run.sample_path(step, plan.index, "wav")
            if media.sound_AS is not None:
                write_wav(path, media.sound_AS, media.rate)
        else:
            still = plan.pixel_frames == 1
            path = self._run.sample_path(step, plan.index, "png" if still else "mp4")
            if still:
                write_png(path, media.frames_THWC[0])
            else:
                write_mp4(path, media.frames_THWC, plan.fps, media.sound_AS, media.rate)
            poster = self._run.poster_path(step, plan.index)
            write_poster(poster, media.frames_THWC)
        if self._events is not None:
            shown = None if poster is None else str(poster)
            self._events.append("sample", step=step, index=plan.index, path=str(path), poster=shown, prompt=plan.prompt)
        return SampleFile(plan.index, plan.prompt, path, poster)


def _default_cache(data_root: Path, run: RunDirectory) -> Path:
    """Beside the data, so that the next run finds the prompts encoded; in the run directory if that is read-only."""
    return (data_root if os.access(data_root, os.W_OK) else run.path) / CACHE_NAME


@contextlib.contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode (no LoRA dropout), and every part back in its own mode afterwards."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


@contextlib.contextmanager
def _random_untouched(device: torch.device) -> Iterator[None]:
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
