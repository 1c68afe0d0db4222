"""The latent space that samples are made in: where each modality starts, and its tokens back as latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.files.checkpoint import ModelFiles, VaeScale, files_vae_scale, read_checkpoint, transformer_config
from trainer.model.audio import audio_latent_shape
from trainer.objective.batch import ModalityName
from trainer.objective.state import TokenState
from trainer.objective.tokens import unpatchify_audio, unpatchify_video
from trainer.validation.conditions import Given, Start, audio_start, video_start
from trainer.validation.plan import SamplePlan


@dataclass(frozen=True, slots=True)
class LatentSpace:
    """Sizes that the checkpoint fixes."""

    scale: VaeScale
    channels: int
    """Of a video latent."""
    audio_channels: int
    audio_bins: int
    blocks: int
    """Of the transformer."""
    mark_keyframes: bool

    @classmethod
    def of(cls, files: ModelFiles) -> LatentSpace:
        """Read from the files' headers."""
        transformer = transformer_config(read_checkpoint(files.transformer))
        sound = audio_latent_shape(files)
        return cls(
            scale=files_vae_scale(files),
            channels=int(transformer["in_channels"]),
            audio_channels=sound.channels,
            audio_bins=sound.bins,
            blocks=int(transformer["num_layers"]),
            mark_keyframes=bool(transformer.get("use_keyframes_abs_pos_embedding", False)),
        )

    def start(self, modality: ModalityName, plan: SamplePlan, given: Sequence[Given], device: torch.device) -> Start:
        """Where one modality of a sample starts."""
        if modality == "video":
            empty = torch.zeros(1, self.channels, plan.frames, plan.height, plan.width, device=device)
            return video_start(empty, plan.fps, self.scale, given, mark_keyframes=self.mark_keyframes)
        return audio_start(torch.zeros(1, self.audio_channels, plan.audio_steps, self.audio_bins, device=device), given)

    def latents(self, modality: ModalityName, plan: SamplePlan, state: TokenState) -> Tensor:
        """The target tokens as latents on the CPU, references left out."""
        tokens_BNC = state.tokens[:, state.target]
        if modality == "video":
            return unpatchify_video(tokens_BNC, plan.frames, plan.height, plan.width).cpu()
        return unpatchify_audio(tokens_BNC, self.audio_channels, self.audio_bins).cpu()
