"""Everything the rules ask about a run, read once and only when asked for.

A part that cannot be read is kept as its error: the rule that owns it reports it, the others leave it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from schemas.errors import WizardError
from trainer.files.checkpoint import (
    Checkpoint,
    ModelFiles,
    VaeScale,
    files_vae_scale,
    read_checkpoint,
    resolve_model_files,
    text_encoder_location,
    vae_scale,
)
from trainer.files.dataset import DatasetIndex, Source, data_root, source_list
from trainer.files.samples import Shape, describe
from trainer.preflight.modules import Module, linear_modules, present
from trainer.preflight.problem import Problem, error, from_error

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

MOST_SAMPLES: Final = 2000
"""More samples than these `check` does not all open, but an even selection of them. The trainer opens all."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened:
    """One sample and what each of its files holds, or why it cannot be read."""

    name: str
    shapes: Mapping[str, Shape | WizardError]

    def shape(self, role: str) -> Shape | None:
        """What the file of a role holds, when there is one that can be read."""
        found = self.shapes.get(role)
        return None if isinstance(found, WizardError) else found


@dataclass(frozen=True, slots=True)
class _Paths:
    model_path: Path
    text_encoder_path: Path | None
    video_vae_path: Path | None
    audio_vae_path: Path | None


def sound(found: T | WizardError | None) -> T | None:
    """A fact that could be read, else None."""
    return None if isinstance(found, WizardError) else found


class Facts:
    """The files and data behind one configuration. ``config_path`` is the file it came from, if any.

    ``every_sample`` is opened, or an even selection of at most MOST_SAMPLES.
    """

    def __init__(
        self, config: LtxTrainerConfig, config_path: Path | None = None, *, every_sample: bool = False
    ) -> None:
        self.config = config
        self.config_path = config_path
        self.every_sample = every_sample
        strategy = config.training_strategy
        self.video = strategy.video is not None
        self.audio = strategy.audio is not None

    @property
    def validates(self) -> bool:
        """Whether samples will be made during training."""
        return bool(self.config.validation.samples) and self.config.validation.interval is not None

    @cached_property
    def checkpoint(self) -> Checkpoint | WizardError:
        return _read(self.config.model.model_path)

    @property
    def encodes_prompts(self) -> bool:
        """Whether the trainer loads the text encoder: for validation, or for the caption that dropped ones become."""
        return self.validates or self.config.training_strategy.caption_dropout > 0

    @cached_property
    def sound_checkpoint(self) -> Checkpoint | None:
        """The checkpoint when it is readable and a transformer."""
        found = sound(self.checkpoint)
        return found if found is not None and "transformer" in found.config else None

    @cached_property
    def _resolved(self) -> tuple[ModelFiles | None, tuple[Problem, ...]]:
        """The files of all parts that can be used, and what is wrong with the others."""
        problems: list[Problem] = []
        model = self.config.model
        paths: dict[str, Path | None] = {}
        for field, section in (("video_vae_path", "vae"), ("audio_vae_path", "audio_vae")):
            paths[field] = _usable_part(getattr(model, field), field, section, problems)
        encoder = model.text_encoder_path
        try:
            text_encoder_location(encoder)
        except WizardError:
            encoder = None  # reported by the text encoder's own rules
        try:
            return resolve_model_files(_Paths(model.model_path, encoder, **paths)), tuple(problems)
        except WizardError as found:
            if self.sound_checkpoint is not None:
                problems.append(from_error(found, "model-parts", "model.text_encoder_path"))
            return None, tuple(problems)

    @property
    def files(self) -> ModelFiles | None:
        return self._resolved[0]

    @property
    def part_problems(self) -> tuple[Problem, ...]:
        return self._resolved[1]

    def part(self, path: Path | None) -> Checkpoint | None:
        """The file of one part, when it is named and readable."""
        if path is None:
            return None
        if path == self.config.model.model_path:
            return sound(self.checkpoint)
        return sound(_read(path))

    @cached_property
    def scale(self) -> VaeScale:
        """Compression factors of the video VAE; the published ones when its file cannot be read."""
        try:
            return files_vae_scale(self.files) if self.files else vae_scale({})
        except WizardError:
            return vae_scale({})

    @cached_property
    def modules(self) -> tuple[Module, ...]:
        """All linear modules of the checkpoint; none when it cannot be read."""
        return linear_modules(self.sound_checkpoint) if self.sound_checkpoint else ()

    @cached_property
    def present_modules(self) -> tuple[Module, ...]:
        """Those this run holds in memory."""
        return present(self.modules, video=self.video, audio=self.audio)

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        return source_list(self.config)

    @cached_property
    def present_sources(self) -> tuple[Source, ...]:
        """Those whose directory exists; the dataset's rules report the others."""
        return tuple(source for source in self.sources if (self.root / source.directory).is_dir())

    @cached_property
    def root(self) -> Path:
        return data_root(self.config.data.preprocessed_data_root)

    @cached_property
    def index(self) -> DatasetIndex | WizardError:
        """The samples, paired over the directories that exist."""
        try:
            return DatasetIndex.build(self.root, {source.role: source.directory for source in self.present_sources})
        except WizardError as found:
            return found

    @cached_property
    def opened(self) -> tuple[Opened, ...]:
        """The usable samples, opened."""
        index = sound(self.index)
        if index is None:
            return ()
        step = 1 if self.every_sample else max(1, -(-len(index.samples) // MOST_SAMPLES))
        return tuple(
            Opened(sample.name, {role: _describe(path) for role, path in sample.files.items()})
            for sample in index.samples[::step]
        )


def _read(path: Path) -> Checkpoint | WizardError:
    try:
        return read_checkpoint(path)
    except WizardError as found:
        return found


def _describe(path: Path) -> Shape | WizardError:
    try:
        return describe(path)
    except WizardError as found:
        return found


def _usable_part(path: Path | None, field: str, section: str, problems: list[Problem]) -> Path | None:
    """The path of a VAE when it can be used; otherwise a problem is added."""
    if path is None:
        return None
    found = missing(path, f"model.{field}")
    checkpoint = _read(path)
    if found is not None:
        problems.append(found)
    elif isinstance(checkpoint, WizardError):
        problems.append(from_error(checkpoint, "model-part-invalid", f"model.{field}"))
    elif section not in checkpoint.config:
        message = f"{path} is a {checkpoint.layout} file and holds no '{section}'"
        problems.append(error("model-part-wrong", f"model.{field}", message, "name the file of the same release"))
    else:
        return path
    return None


def missing(path: Path, field: str) -> Problem | None:
    """A problem when nothing is at the path a setting names."""
    if path.exists():
        return None
    whole = path.absolute()
    absent = next((part for part in reversed([whole, *whole.parents]) if not part.exists()), whole)
    hint = f"{absent.parent} exists and holds no '{absent.name}'"
    if absent.parent == Path(absent.anchor):
        hint = f"there is no folder {absent} on this machine" if absent != whole else "correct the path"
    if not path.is_absolute():
        hint += "; relative paths start where the command is run"
    return error("path-missing", field, f"{path} does not exist", hint)
