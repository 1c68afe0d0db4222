"""Samples made while training: prompts and media encoded before it, denoising at intervals, decoding, files, events."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from schemas.errors import NumericError
from trainer.files.checkpoint import ModelFiles
from trainer.model.inputs import Modalities
from trainer.model.transformer import LtxTransformer
from trainer.objective.batch import ModalityName
from trainer.rundir.events import EventLog
from trainer.rundir.layout import RunDirectory
from trainer.validation.batching import first_that_fits, passes_at_once
from trainer.validation.decode_need import decoding_bytes
from trainer.validation.decoding import Latents, decode
from trainer.validation.encoding import MediaEncoder
from trainer.validation.entries import Entries
from trainer.validation.given import SampleMedia, encode_given
from trainer.validation.guidance import Guidance
from trainer.validation.output import SampleFile, write_sample
from trainer.validation.plan import (
    MODALITIES,
    SamplePlan,
    effective_guidance,
    made_modalities,
    media_warnings,
    plan_samples,
)
from trainer.validation.prompts import PromptContext, PromptEncoder
from trainer.validation.room import with_room
from trainer.validation.sampler import Track, Tracks, sample, steering
from trainer.validation.schedule import sigmas
from trainer.validation.space import LatentSpace

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

CACHE_NAME: Final = ".validation_cache"
Progress = Callable[[str, int, int], None]
"""message, done, total"""
_log = logging.getLogger(__name__)


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
        self._entries = Entries(cache or _default_cache(Path(config.data.preprocessed_data_root), run))
        self._in_8bit = config.acceleration.load_text_encoder_in_8bit
        self._streams_text = config.acceleration.stream_text_encoder
        self._contexts: dict[str, PromptContext] = {}
        self.media: dict[int, SampleMedia] = {}
        self.interval = self._config.interval
        """Optimizer steps between validations, None for never; may be changed while training."""
        self.plans: tuple[SamplePlan, ...] = ()
        self._guidance = Guidance()
        self._made = made_modalities(self._config, modalities)
        if self._made is not None:
            self._space = LatentSpace.of(files)
            scale = self._space.scale
            self.plans = plan_samples(self._config, modalities or Modalities(), scale, self._space.blocks)
            self._guidance = effective_guidance(self._config, self.plans)
            self._tell_reduction(self._made)
            for message in media_warnings(self._config, scale):
                self._warn("validation_media", message)

    def due(self, step: int, *, start: bool = False) -> bool:
        """Whether samples are to be made after optimizer step ``step``, or, with ``start``, before the first one."""
        if self.interval is None or not self.plans:
            return False
        if start:
            return not self._config.skip_initial_validation
        return step > 0 and step % self.interval == 0

    def prepare(self, on_progress: Callable[[str], None] | None = None) -> None:
        """Encode all prompts and media, or find them on disk. To be called before the transformer is loaded."""
        if self._made is None:
            return
        in_8bit = self._in_8bit and self._device.type == "cuda"
        if in_8bit != self._in_8bit and not self._streams_text:
            self._warn(
                "text_encoder_not_8bit",
                "the text encoder runs in full precision here and takes about 24 GB: its 8-bit layers need a CUDA card",
            )
        encoder = PromptEncoder(
            self._files, self._entries, self._made, self._device, self._dtype, in_8bit, self._streams_text
        )
        prompts = [plan.prompt for plan in self.plans]
        if "uncond" in self._guidance.passes():
            prompts.append(self._config.negative_prompt)
        media = MediaEncoder(self._files, self._entries, self._device)
        # Media first: a file that cannot be used is told before the text encoder is loaded.
        self.media = encode_given(self.plans, media, self._space, on_progress)
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
        before afterwards, whatever happens. ``on_progress`` may raise to end it: it is called at every step and before
        every clip that is decoded. Raises WizardErrors, and what says that memory ran out, to the training loop.
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

            def decoding() -> None:
                tell("decoding", total, total)

            decoding()
            seeds = [plan.seed for plan in plans]
            decoded = with_room(
                lambda: decode(self._files, latents, seeds, device=self._device, between=decoding),
                transformer,
                self._device,
                decoding_bytes(self._files, plans),
            )
        return tuple(
            write_sample(self._run, self._events, plan, step, media, self.media[plan.index].shown)
            for plan, media in zip(plans, decoded, strict=True)
        )

    def _tell_reduction(self, made: Modalities) -> None:
        wanted = {"video": self._config.generate_video, "audio": self._config.generate_audio}
        for name, want in wanted.items():
            if want and not getattr(made, name):
                message = (
                    f"validation samples are made without {name}: this run trains no {name} and holds no {name} half "
                    f"of the model (set validation.generate_{name} to false to say so yourself)"
                )
                self._warn("validation_reduced", message)

    def _warn(self, code: str, message: str) -> None:
        _log.warning("%s", message)
        if self._events is not None:
            self._events.append("warning", code=code, message=message)

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
        start = self._tracks(plan)
        passes = len(steering(start, self._guidance).passes())
        together = passes_at_once(transformer, start, passes, self._device)

        def sampled(at_once: int) -> Tracks:
            with self._precision():
                return sample(
                    transformer,
                    start,
                    self._guidance,
                    sigmas(steps),
                    block_count=self._space.blocks,
                    at_once=at_once,
                    on_step=on_step,
                )

        return self._latents(plan, first_that_fits(sampled, together, self._device))

    def _precision(self) -> contextlib.AbstractContextManager[object]:
        if self._dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self._device.type, dtype=self._dtype)

    def _tracks(self, plan: SamplePlan) -> Tracks:
        """Pure noise where nothing is given. It is drawn on the CPU for the target tokens alone, video first: a seed
        means the same sample on every device and with any references."""
        generator = torch.Generator().manual_seed(plan.seed)
        tracks = {name: self._track(name, plan, generator) for name in MODALITIES if plan.present(name)}
        return Tracks(tracks.get("video"), tracks.get("audio"))

    def _track(self, modality: ModalityName, plan: SamplePlan, generator: torch.Generator) -> Track:
        start = self._space.start(modality, plan, self.media[plan.index].on(modality), self._device)
        state = start.state
        if not start.frozen:
            shape = (1, state.count, state.tokens.shape[2])
            state = start.noised(torch.randn(shape, generator=generator).to(self._device))
        negative = self._contexts.get(self._config.negative_prompt)
        return Track(
            state=state,
            context_BSD=self._context(self._contexts[plan.prompt], modality),
            negative_BSD=None if negative is None else self._context(negative, modality),
            frozen=start.frozen,
        )

    def _context(self, context: PromptContext, modality: ModalityName) -> Tensor:
        tensor = context.video_SD if modality == "video" else context.audio_SD
        if tensor is None:
            raise ValueError(f"the prompts were encoded without {modality}")
        return tensor[None].to(self._device)

    def _latents(self, plan: SamplePlan, tracks: Tracks) -> Latents:
        latents: dict[str, Tensor] = {}
        for name in MODALITIES:
            track = tracks.present().get(name)
            # A still picture has no sound: what was made beside it took part in making it, and ends here.
            if track is None or (name == "audio" and plan.has_video and plan.pixels.frames == 1):
                continue
            latents[name] = self._space.latents(name, plan, track.state)
            if not bool(torch.isfinite(latents[name]).all()):
                raise NumericError(
                    f"the {name} of validation sample {plan.index + 1} is not finite",
                    why="the model's prediction overflowed: its weights may have diverged",
                    hint="look at loss and gradient norm, and compare with the samples of earlier steps",
                )
        return Latents(latents.get("video"), latents.get("audio"))


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
