"""What one training step is given: clean latents and text contexts, and the draws that make it random."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import torch
from torch import Tensor

from schemas.errors import DataError
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

    def replaced(self, chosen_B: Tensor, other: TextContext) -> TextContext:
        """This context, with that of ``other`` (one sample) for the samples where ``chosen_B`` (CPU) is true.

        Raises DataError when both have different lengths, which no prepared data set with the run's model has.
        """
        if not bool(chosen_B.any()):
            return self

        def mixed(own_BSD: Tensor | None, new_1SD: Tensor | None) -> Tensor | None:
            if own_BSD is None or new_1SD is None:
                return own_BSD
            if own_BSD.shape[1:] != new_1SD.shape[1:]:
                raise DataError(
                    f"captions have {own_BSD.shape[1]} positions, the empty one that replaces them {new_1SD.shape[1]}",
                    where="training_strategy.caption_dropout",
                    hint="prepare the captions again with the text encoder of this configuration",
                )
            chosen_B11 = chosen_B.to(own_BSD.device, non_blocking=True)[:, None, None]
            return torch.where(chosen_B11, new_1SD.to(own_BSD), own_BSD)

        return TextContext(mixed(self.video_BSD, other.video_BSD), mixed(self.audio_BSD, other.audio_BSD), self.mask_BS)


@dataclass(frozen=True, slots=True)
class References:
    """Reference clips of a batch, one for each sample."""

    latents: Tensor
    """``[B, C, F, H, W]`` or ``[B, C, T, M]``."""
    fps_B: Tensor | None
    """Frames per second of each; None for sound."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Prepared clips of one shape, on the device they are trained on."""

    names: tuple[str, ...]
    video_BCFHW: Tensor | None
    fps_B: Tensor | None
    """Frames per second of each clip; present with video."""
    audio_BCTM: Tensor | None
    context: TextContext
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    """By role: ``[B, F, H, W]`` or ``[B, T]``, above 0.5 = given. They stay on the CPU, where they meet the draws."""
    references: Mapping[str, References] = field(default_factory=dict)
    """By role."""

    def grid(self, modality: ModalityName) -> tuple[int, ...]:
        """Latent sizes of a clip: frames, rows, columns of a video, steps of a sound."""
        if modality == "audio":
            assert self.audio_BCTM is not None
            return (self.audio_BCTM.shape[2],)
        assert self.video_BCFHW is not None
        return tuple(self.video_BCFHW.shape[2:])

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
            masks={role: change(mask) for role, mask in self.masks.items()},
            references={
                role: References(change(found.latents), changed(found.fps_B)) for role, found in self.references.items()
            },
        )

    def to(self, device: torch.device) -> Batch:
        """On ``device``; the copies overlap with computation when this batch is in pinned memory."""
        moved = replace(self, masks={}).map(lambda tensor: tensor.to(device, non_blocking=True))
        return replace(moved, masks=self.masks)

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

    def condition(self, modality: ModalityName, index: int) -> Tensor:
        """Uniform in [0, 1), ``[B]`` on the CPU: whether condition number ``index`` is applied to each sample."""
        ...

    def reference(self, modality: ModalityName, index: int) -> Tensor:
        """Uniform in [0, 1), a scalar on the CPU: whether reference number ``index`` is joined to the batch."""
        ...

    def caption(self) -> Tensor:
        """Uniform in [0, 1), ``[B]`` on the CPU: whether each sample's caption is dropped."""
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

    def condition(self, modality: ModalityName, index: int) -> Tensor:
        """One number per sample."""
        return self._uniform(f"{modality}.conditions[{index}]", self._samples)

    def reference(self, modality: ModalityName, index: int) -> Tensor:
        """The first sample decides for the batch."""
        return self._uniform(f"{modality}.conditions[{index}]", self._samples[:1])[0]

    def caption(self) -> Tensor:
        """One number per sample."""
        return self._uniform("caption", self._samples)

    def _uniform(self, purpose: str, samples: Sequence[int]) -> Tensor:
        return torch.cat([torch.rand(1, generator=self._stream(sample, purpose)) for sample in samples])
