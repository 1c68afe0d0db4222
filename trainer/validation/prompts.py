"""Prompts as the transformer reads them: encoded once before training, kept on disk, never encoded again.

An entry is a safetensors file named by the hash of the prompt, of the text encoder, of the connectors and of how they
were run, so that a changed prompt or model finds another name and equal ones share an entry between runs. What counts
is how the text encoder did run: one that was to run in eight bits and had no room for it was streamed in bf16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from schemas.errors import NumericError, UsageError
from trainer.files.checkpoint import ModelFiles, file_fingerprint
from trainer.model.inputs import Modalities
from trainer.model.text import load_connectors, load_extractor
from trainer.model.text_encoder import open_text_encoder
from trainer.validation.entries import Entries, free_memory

Progress = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PromptContext:
    """One prompt, ``[S, D]`` on the CPU; None for a modality that is not made. Every position is valid."""

    video_SD: Tensor | None
    audio_SD: Tensor | None


@dataclass(frozen=True)
class PromptEncoder:
    """Encodes prompts with the text encoder, the extractor and the connectors, each loaded alone and dropped."""

    files: ModelFiles
    entries: Entries
    modalities: Modalities
    device: torch.device
    dtype: torch.dtype
    in_8bit: bool = False
    streamed: bool = False

    def encode(self, prompts: Sequence[str], on_progress: Progress | None = None) -> dict[str, PromptContext]:
        """The context of every prompt. Nothing is loaded when all are on disk.

        Raises UsageError without a text encoder, CheckpointError for model files that do not fit, NumericError when
        the outcome is not finite, EnvironmentFault when entries cannot be written.
        """
        prompts = tuple(dict.fromkeys(prompts))
        if not prompts:
            return {}
        salts = self._salts()
        found = {prompt: self._find(prompt, salts) for prompt in prompts}
        missing = [prompt for prompt, context in found.items() if context is None]
        if missing:
            made = salts[self._make(missing, salts, on_progress or (lambda _: None))]
            found |= {prompt: self._read(self.entries.path(made, prompt)) for prompt in missing}
        return {prompt: context for prompt, context in found.items() if context is not None}

    def _find(self, prompt: str, salts: Mapping[bool, str]) -> PromptContext | None:
        """In eight bits where that is wished, and in bf16 in any case: it is what eight bits come close to."""
        found = self._read(self.entries.path(salts[True], prompt)) if self.in_8bit else None
        return found or self._read(self.entries.path(salts[False], prompt))

    def _salts(self) -> dict[bool, str]:
        """What entries depend on beside the prompt, in eight bits and not."""
        if self.files.text_encoder is None:
            raise UsageError(
                "validation prompts need the text encoder, and none is configured",
                where="model.text_encoder_path",
                hint="set it, or delete validation.samples",
            )
        sources = dict.fromkeys((self.files.text_encoder, *self.files.extractor, *self.files.connectors))
        models = [file_fingerprint(path) for path in sources]
        halves = [self.modalities.video, self.modalities.audio]
        return {
            in_8bit: "|".join(map(str, ["prompt in bf16", *models, *halves, in_8bit, self.dtype]))
            for in_8bit in (True, False)
        }

    def _read(self, entry: Path) -> PromptContext | None:
        wanted = {name for name, on in (("video", self.modalities.video), ("audio", self.modalities.audio)) if on}
        tensors = self.entries.read(entry, wanted)
        return None if tensors is None else PromptContext(tensors.get("video"), tensors.get("audio"))

    def _make(self, prompts: Sequence[str], salts: Mapping[bool, str], tell: Progress) -> bool:
        """Write the entries; whether the text encoder ran in eight bits."""
        tell("loading the text encoder")
        features, in_8bit = self._features(prompts, tell)
        contexts = self._contexts(features)
        for prompt, tensors in zip(prompts, contexts, strict=True):
            for name, tensor in tensors.items():
                if not bool(torch.isfinite(tensor).all()):
                    raise NumericError(f"the {name} context of a validation prompt is not finite: {prompt[:80]!r}")
            self.entries.write(self.entries.path(salts[in_8bit], prompt), tensors)
        return in_8bit

    def _features(self, prompts: Sequence[str], tell: Progress) -> tuple[list[tuple[Tensor, Tensor, Tensor]], bool]:
        """What the connectors read, and mask, per prompt, on the CPU; whether it was made in eight bits."""
        # As captions are prepared, whatever the run computes in: a prompt that is a caption reads the same.
        dtype = torch.bfloat16
        encoder = open_text_encoder(self.files, self.device, in_8bit=self.in_8bit, streamed=self.streamed, dtype=dtype)
        tell(f"text encoder {encoder.residence.words}")
        states = _counted(encoder.each(prompts, tell), len(prompts), tell)
        kind = encoder.residence.kind
        if kind != "streamed":
            # Alone on the device: its states wait on the host, about 0.4 GB for each prompt with the 12B model.
            states = iter([(states_BSDL.cpu(), mask_BS.cpu()) for states_BSDL, mask_BS in states])
            del encoder
            free_memory(self.device)
        extractor = load_extractor(self.files, dtype=dtype, device=self.device)
        results = []
        for states_BSDL, mask_BS in states:
            video_BSD, audio_BSD = extractor(states_BSDL.to(self.device), mask_BS.to(self.device))
            results.append((video_BSD.to("cpu", dtype), audio_BSD.to("cpu", dtype), mask_BS.cpu()))
        del extractor
        free_memory(self.device)
        return results, kind == "8bit"

    def _contexts(self, features: Sequence[tuple[Tensor, Tensor, Tensor]]) -> list[dict[str, Tensor]]:
        connectors = load_connectors(self.files, modalities=self.modalities, dtype=self.dtype, device=self.device)
        results = []
        for video_BSD, audio_BSD, mask_BS in features:
            parts = connectors(video_BSD.to(self.device), audio_BSD.to(self.device), mask_BS.to(self.device))
            named = zip(("video", "audio"), parts, strict=True)
            results.append({name: part[0].cpu().contiguous() for name, part in named if part is not None})
        del connectors
        free_memory(self.device)
        return results


def _counted(states: Iterator[T], total: int, tell: Progress) -> Iterator[T]:
    for number in range(1, total + 1):
        tell(f"encoding prompt {number} of {total}")
        yield next(states)
