"""What the model files of a draft are, read from their headers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import WizardError
from trainer.files.checkpoint import Checkpoint, TextEncoderInfo, compatibility, read_checkpoint, read_text_encoder
from trainer.files.headers import Header
from tui.forms.draft import Draft
from tui.forms.rows import effective
from tui.guide.state import StepState

CHECKPOINT: Final = "model.model_path"
ENCODER: Final = "model.text_encoder_path"
_PARTS: Final = (
    ("transformer", "model.diffusion_model."),
    ("video VAE", "vae."),
    ("audio VAE", "audio_vae."),
    ("vocoder", "vocoder."),
    ("text projection", "text_embedding_projection."),
)


@dataclass(frozen=True, slots=True)
class ModelPaths:
    """What the facts are about; facts of other paths are out of date."""

    checkpoint: str
    encoder: str

    @staticmethod
    def of(draft: Draft) -> ModelPaths:
        """The paths as typed, empty where there are none."""
        found = (effective(draft, path) for path in (CHECKPOINT, ENCODER))
        checkpoint, encoder = (value if isinstance(value, str) else "" for value in found)
        return ModelPaths(checkpoint, encoder)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a person should know about the model files before anything is loaded."""

    paths: ModelPaths
    state: StepState
    lines: tuple[str, ...]
    """Facts, one a line; a line that begins with ``error`` or ``warning`` says what is wrong."""
    checkpoint: bool = True
    """Whether there is a checkpoint at all; without one nothing can be trained here."""


def model_facts(paths: ModelPaths) -> ModelFacts:
    """Read the headers. Takes milliseconds on a local disk; on a slow one call it from a thread."""
    if not _exists(paths.checkpoint):
        missing = "not on this machine" if paths.checkpoint else "not chosen yet"
        state = StepState("open", "no checkpoint here" if paths.checkpoint else "no checkpoint chosen")
        return ModelFacts(paths, state, (f"The checkpoint is {missing}.",), checkpoint=False)
    try:
        checkpoint = read_checkpoint(Path(paths.checkpoint).expanduser())
    except WizardError as error:
        return ModelFacts(paths, StepState("wrong", "checkpoint cannot be used"), tuple(_error(error)))
    lines = list(_described(checkpoint))
    state, more = _encoder(checkpoint, paths.encoder)
    name = f"LTX-{checkpoint.family}, {checkpoint.layout}"
    return ModelFacts(paths, StepState(state.mark, state.words or name), (*lines, *more))


def _exists(path: str) -> bool:
    return bool(path) and Path(path).expanduser().exists()


def _error(error: WizardError) -> Iterator[str]:
    first, *rest = str(error).splitlines()
    yield f"error: {first}"
    yield from rest


def _described(checkpoint: Checkpoint) -> Iterator[str]:
    version = f"version {checkpoint.model_version}" if checkpoint.model_version else "no version given"
    weights = f", {checkpoint.quantisation} weights" if checkpoint.quantisation else ""
    yield f"LTX-{checkpoint.family} ({version}), {checkpoint.layout} layout{weights}"
    held = [f"{name} {_count(checkpoint.header, prefix)}" for name, prefix in _PARTS if checkpoint.has(prefix)]
    yield f"holds: {', '.join(held) or 'no part of the model'}"
    yield f"wants: {_wanted(checkpoint)}"


def _count(header: Header, prefix: str) -> str:
    """Parameters of a part in a short form."""
    number = sum(info.numel for name, info in header.tensors.items() if name.startswith(prefix))
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.1f}{letter}"
    return str(number)


def _wanted(checkpoint: Checkpoint) -> str:
    if checkpoint.gemma_stamp:
        return f"the text encoder {checkpoint.gemma_stamp}"
    if checkpoint.family == "2.5":
        return "the packed text encoder of its release"
    return "a Gemma 3 directory as text encoder"


def _encoder(checkpoint: Checkpoint, path: str) -> tuple[StepState, list[str]]:
    if not path:
        return StepState("open", "no text encoder chosen"), ["The text encoder is not chosen yet."]
    if not _exists(path):
        return StepState("open", "text encoder not here"), ["The text encoder is not on this machine."]
    try:
        encoder = read_text_encoder(path)
    except WizardError as error:
        return StepState("wrong", "text encoder cannot be used"), list(_error(error))
    mismatch = compatibility(checkpoint, encoder)
    if mismatch is None:
        return StepState("done", ""), [f"given: {_name(encoder)}; it matches"]
    lines = [f"{'error' if mismatch.fatal else 'warning'}: {mismatch.message}", f"  next: {mismatch.hint}"]
    wrong = StepState("wrong", "text encoder does not match")
    return (wrong if mismatch.fatal else StepState("done", "")), [f"given: {_name(encoder)}", *lines]


def _name(encoder: TextEncoderInfo) -> str:
    version = f" {encoder.version}" if encoder.version else ""
    return f"{encoder.model_type}{version} ({encoder.kind}, {encoder.layers} layers of {encoder.hidden_size})"
