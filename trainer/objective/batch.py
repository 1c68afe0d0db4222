"""What one training step is given: clean latents and text contexts, and the draws that make it random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from trainer.objective.sigma import SigmaDraws

ModalityName = Literal["video", "audio"]


@dataclass(frozen=True, slots=True)
class TextContext:
    """Text as the transformer reads it, after the connectors; None for a modality that is absent."""

    video_BSD: Tensor | None
    audio_BSD: Tensor | None
    mask_BS: Tensor | None
    """1 = valid. None when every position is (the connectors fill all of them)."""

    def of(self, modality: ModalityName) -> Tensor:
        """The context of one modality; asking for an absent one is a bug."""
        context = self.video_BSD if modality == "video" else self.audio_BSD
        assert context is not None
        return context


@dataclass(frozen=True, slots=True)
class Batch:
    """Prepared clips of one shape, on the device they are trained on."""

    names: tuple[str, ...]
    video_BCFHW: Tensor | None
    fps_B: Tensor | None
    """Frames per second of each clip; present with video."""
    audio_BCTM: Tensor | None
    context: TextContext

    @property
    def size(self) -> int:
        """Samples in the batch."""
        return len(self.names)

    def map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with ``change`` applied to every tensor."""

        def changed(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else change(tensor)

        context = self.context
        return Batch(
            names=self.names,
            video_BCFHW=changed(self.video_BCFHW),
            fps_B=changed(self.fps_B),
            audio_BCTM=changed(self.audio_BCTM),
            context=TextContext(changed(context.video_BSD), changed(context.audio_BSD), changed(context.mask_BS)),
        )

    def to(self, device: torch.device) -> Batch:
        """On ``device``; the copies overlap with computation when this batch is in pinned memory."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        """In pinned memory; the data loader calls this by name."""
        return self.map(lambda tensor: tensor.pin_memory())


class Draws(Protocol):
    """The random numbers of one batch."""

    def sigma(self, modality: ModalityName) -> SigmaDraws:
        """Draws for the noise level of each sample."""
        ...

    def noise(self, modality: ModalityName, count: int, channels: int) -> Tensor:
        """Standard normal ``[B, count, channels]`` on the CPU."""
        ...


class RandomDraws:
    """Draws that depend on nothing but a key per sample and what they are for.

    ``stream(sample, purpose)`` gives a fresh generator. Because each sample has its own, a batch of two draws what
    two batches of one draw, and a condition added to one modality does not disturb the other.
    """

    def __init__(self, samples: Sequence[int], stream: Callable[[int, str], torch.Generator]) -> None:
        self._samples = tuple(samples)
        self._stream = stream

    def sigma(self, modality: ModalityName) -> SigmaDraws:
        """One triple per sample."""
        each = [SigmaDraws.from_generator(self._stream(sample, f"{modality}.sigma")) for sample in self._samples]
        return SigmaDraws(
            torch.cat([draw.normal_B for draw in each]),
            torch.cat([draw.value_B for draw in each]),
            torch.cat([draw.selector_B for draw in each]),
        )

    def noise(self, modality: ModalityName, count: int, channels: int) -> Tensor:
        """Noise for the target tokens of each sample."""
        return torch.stack(
            [
                torch.randn(count, channels, generator=self._stream(sample, f"{modality}.noise"))
                for sample in self._samples
            ]
        )
