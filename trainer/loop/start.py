"""``model.load_checkpoint``: weights to start from, and the training state that may lie beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from schemas.errors import CheckpointError
from trainer.files.checkpoint import TRANSFORMER_PREFIX
from trainer.files.headers import read_header
from trainer.loop.weights import fill_weights, trained_parameters
from trainer.model.lora_file import load_lora
from trainer.preflight.rules_start import PREFIXES, newest_step

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

_STEP: Final = re.compile(r"step_(\d+)")
REFERENCE_KEYS: Final = "reference_"
"""How keys of a file's metadata begin that say how references were laid out."""


@dataclass(frozen=True, slots=True)
class StartWeights:
    """A weights file to start from."""

    path: Path
    mode: str
    replaces_model: bool
    """It is a whole model in the published layout, read in the place of the base checkpoint."""

    @property
    def step(self) -> int | None:
        """The step in its name."""
        found = _STEP.search(self.path.stem)
        return int(found[1]) if found else None

    @property
    def state(self) -> Path | None:
        """Our training state of the same step beside it."""
        if self.step is None:
            return None
        path = self.path.parent / f"step_{self.step:06d}"
        return path if path.is_dir() else None

    @property
    def foreign_state(self) -> Path | None:
        """The original trainer's state of the same step beside it, a pickle."""
        if self.step is None:
            return None
        path = self.path.parent / f"training_state_step_{self.step:05d}.pt"
        return path if path.is_file() else None


def find_start_weights(config: LtxTrainerConfig) -> StartWeights | None:
    """What ``model.load_checkpoint`` names: a file, or the newest step below a directory; None when it is unset.

    Raises CheckpointError when nothing usable is there: starting from the base weights instead would train something
    else than asked.
    """
    if config.model.load_checkpoint is None:
        return None
    path, mode = Path(config.model.load_checkpoint).expanduser(), config.model.training_mode
    if path.is_dir():
        path = newest_weights(path, mode)
    if not path.is_file() or path.suffix != ".safetensors":
        raise CheckpointError("is no .safetensors file", where=path, hint="correct model.load_checkpoint")
    whole = mode == "full" and any(name.startswith(TRANSFORMER_PREFIX) for name in read_header(path).tensors)
    return StartWeights(path, mode, whole)


def load_start_weights(transformer: nn.Module, start: StartWeights) -> None:
    """Fill the trained parameters; a whole model has been loaded already."""
    if start.replaces_model:
        return
    if start.mode == "lora":
        load_lora(transformer, start.path)
        return
    # The original trainer's full files hold bare official names.
    try:
        tensors = load_file(start.path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"cannot be read as safetensors: {error}", where=start.path) from error
    fill_weights(trained_parameters(transformer), tensors, start.path)


def foreign_step(path: Path) -> int:
    """The step in an original trainer's pickled state, read without running anything it may hold.

    Raises CheckpointError with the reason when it cannot be read that way.
    """
    import pickle

    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise CheckpointError(
            f"cannot be read safely: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
            where=path,
            why="a pickled state may run code when it is loaded in full",
            hint="the weights beside it are used; the run counts from step 0",
        ) from error
    step = found.get("global_step") if isinstance(found, dict) else None
    if not isinstance(step, int) or step < 0:
        raise CheckpointError("names no usable step", where=path)
    return step


def newest_weights(folder: Path, mode: str) -> Path:
    """The weights file of the highest step in a folder or its ``checkpoints``, as `check` finds it.

    Raises CheckpointError when there is none.
    """
    found = newest_step(folder, PREFIXES[mode])
    if found is None:
        raise CheckpointError(f"holds no {PREFIXES[mode]}*.safetensors", where=folder, hint="name a file")
    return found


def other_references(weights: Path, references: Mapping[str, str]) -> str:
    """Why references laid out as ``references`` say are not what these weights have learnt; "" when they are."""
    said = {key: value for key, value in read_header(weights).metadata.items() if key.startswith(REFERENCE_KEYS)}
    told = sorted({**said, **references})
    differing = [key for key in told if said.get(key, "1") != references.get(key, "1")]
    if not differing:
        return ""
    pairs = ", ".join(f"{key} {said.get(key, '1')} and {references.get(key, '1')}" for key in differing)
    return f"{weights.name} was trained with other references than the prepared ones: {pairs}"
