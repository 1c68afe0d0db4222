"""Laying a run's conditions over a state: which tokens are kept clean, and which references stand beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from schemas.conditions import MaskCondition, ReferenceCondition, TrainingCondition
from schemas.errors import DataError
from trainer.files.dataset import condition_role
from trainer.files.given import MASK_THRESHOLD, given_box
from trainer.files.references import ReferenceFactors
from trainer.objective.batch import Batch, Draws, ModalityName
from trainer.objective.positions import audio_positions, reference_positions, video_positions
from trainer.objective.state import TokenState
from trainer.objective.tokens import patchify_audio, patchify_video

if TYPE_CHECKING:
    from trainer.files.checkpoint import VaeScale


def kept_tokens(
    modality: ModalityName, conditions: Sequence[TrainingCondition], batch: Batch, draws: Draws, spatial: int
) -> Tensor | None:
    """Target tokens ``[B, N]`` that the drawn conditions keep, on the CPU; None when no sample drew any.

    Every condition draws once per sample; what they keep adds up. ``spatial`` is the VAE's factor. Raises DataError
    for a sample of which nothing would be left to learn, and for masks that do not cover the clip's grid.
    """
    grid = batch.grid(modality)
    kept = torch.zeros(batch.size, *grid, dtype=torch.bool)
    for index, condition in enumerate(conditions):
        if isinstance(condition, ReferenceCondition):
            continue
        drawn_B = draws.condition(modality, index) < condition.probability
        if isinstance(condition, MaskCondition):
            given = _masks(batch, condition_role(modality, index), grid) > MASK_THRESHOLD
        else:
            given = torch.zeros(1, *grid, dtype=torch.bool)
            given[(slice(None), *given_box(condition, grid, spatial))] = True
        kept |= given & drawn_B.view(-1, *[1] * len(grid))
    kept_BN = kept.flatten(1)
    whole = [name for name, all_kept in zip(batch.names, kept_BN.all(dim=1).tolist(), strict=True) if all_kept]
    if whole:
        raise DataError(
            f"the {modality} conditions give all of {', '.join(whole)}: nothing is left to learn",
            where=f"training_strategy.{modality}.conditions",
            hint="shorten the conditions, or leave these clips out; `check` names all of them",
        )
    return kept_BN if bool(kept_BN.any()) else None


def _masks(batch: Batch, role: str, grid: tuple[int, ...]) -> Tensor:
    masks = batch.masks[role]
    if tuple(masks.shape[1:]) != grid:
        raise DataError(
            f"the masks of {', '.join(batch.names)} are {list(masks.shape[1:])}, their latents {list(grid)}",
            where=f"training_strategy.{role}.mask_dir",
            hint="run prepare again so that both come from the same clips",
        )
    return masks


def with_references(
    state: TokenState,
    modality: ModalityName,
    conditions: Sequence[TrainingCondition],
    batch: Batch,
    draws: Draws,
    scale: VaeScale,
    factors: Mapping[str, ReferenceFactors],
) -> TokenState:
    """The state with every reference that the batch drew in front, the last one first.

    A reference is drawn for the whole batch, because it changes the length of the sequence.
    """
    for index, condition in enumerate(conditions):
        if not isinstance(condition, ReferenceCondition):
            continue
        if float(draws.reference(modality, index)) >= condition.probability:
            continue
        role = condition_role(modality, index)
        latents, own_fps_B = batch.references[role].latents, batch.references[role].fps_B
        if modality == "audio":
            tokens_BNC = patchify_audio(latents)
            positions = audio_positions(latents.shape[2], batch.size, latents.device)
        else:
            assert batch.fps_B is not None
            assert own_fps_B is not None
            fps_B = batch.fps_B if condition.timing == "target" else own_fps_B
            found = factors.get(role, ReferenceFactors())
            frames, height, width = latents.shape[2:]
            tokens_BNC = patchify_video(latents)
            positions = reference_positions(
                video_positions(frames, height, width, fps_B.to(latents.device), scale),
                batch.fps_B.to(latents.device),
                spatial_factor=found.spatial,
                temporal_factor=found.temporal,
            )
        state = state.add_reference(tokens_BNC, positions, "front")
    return state
