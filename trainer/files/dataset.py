"""The prepared dataset on disk: which files belong to one sample, and which samples cannot be used and why.

Every directory of the data root plays a named role; files of one sample share their relative name. Roles are explicit,
so one directory may play two of them, and no directory name means anything by itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from schemas.conditions import MaskCondition, ReferenceCondition
from schemas.errors import DataError, EnvironmentFault

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig
    from schemas.strategy import FlexibleStrategyConfig, ModalityConfig

PRECOMPUTED: Final = ".precomputed"
CONDITIONS: Final = "conditions"
_LATENT, _CONDITION = "latent_", "condition_"

Kind = Literal["text", "video", "audio", "video-mask", "audio-mask"]


@dataclass(frozen=True, slots=True)
class Source:
    """One role of a run: ``directory`` below the data root holds its files, ``field`` is the setting that names it."""

    role: str
    directory: str
    kind: Kind
    field: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One usable sample: ``name`` is the relative path without suffix, ``files`` is by role."""

    name: str
    files: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A sample that cannot be used, and why."""

    name: str
    reason: str


def data_root(path: str | Path) -> Path:
    """The directory that holds the prepared directories: ``path/.precomputed`` if it exists, else ``path``.

    ``~`` is expanded. The one rule for check, inspect and trainer; existence is not tested.
    """
    root = Path(path).expanduser().absolute()
    inner = root / PRECOMPUTED
    return inner if inner.is_dir() else root


def source_list(config: LtxTrainerConfig) -> tuple[Source, ...]:
    """All roles of a run: captions, then each modality, its masks and its references."""
    return strategy_sources(config.training_strategy)


def strategy_sources(strategy: FlexibleStrategyConfig) -> tuple[Source, ...]:
    """The same from the strategy alone, which decides about them."""
    captions = Source(CONDITIONS, CONDITIONS, "text", "data.preprocessed_data_root")
    return (captions, *_modality("video", strategy.video), *_modality("audio", strategy.audio))


def condition_role(modality: str, index: int) -> str:
    """Role of the files of a modality's condition number ``index``."""
    return f"{modality}.conditions[{index}]"


def _modality(name: Literal["video", "audio"], modality: ModalityConfig | None) -> Iterator[Source]:
    if modality is None:
        return
    place = f"training_strategy.{name}"
    yield Source(name, modality.latents_dir, name, f"{place}.latents_dir")
    for index, condition in enumerate(modality.conditions):
        role, field = condition_role(name, index), f"{place}.conditions[{index}]"
        if isinstance(condition, MaskCondition):
            kind: Kind = "video-mask" if name == "video" else "audio-mask"
            yield Source(role, condition.mask_dir, kind, f"{field}.mask_dir")
        elif isinstance(condition, ReferenceCondition):
            yield Source(role, condition.latents_dir, name, f"{field}.latents_dir")


def sources(config: LtxTrainerConfig) -> Mapping[str, str]:
    """Role -> directory: ``{'conditions': 'conditions', 'video': 'latents', 'video.conditions[0]': 'video_masks'}``."""
    return {source.role: source.directory for source in source_list(config)}


@dataclass(frozen=True, slots=True)
class DatasetIndex:
    """The samples of a prepared dataset in name order; nothing is left out without an entry in ``dropped``."""

    root: Path
    roles: Mapping[str, str]
    samples: tuple[Sample, ...]
    dropped: tuple[Dropped, ...]

    @classmethod
    def build(cls, root: str | Path, roles: Mapping[str, str]) -> DatasetIndex:
        """List the files of every role and pair them by relative name.

        A name that some role lacks is dropped with the reason. Raises DataError when the root or a role's directory is
        missing, EnvironmentFault when one cannot be read. No file is opened.
        """
        place = data_root(root)
        if not place.is_dir():
            raise DataError("there is no such data directory", where=place, hint="run prepare, or correct the path")
        absent = sorted({name for name in roles.values() if not (place / name).is_dir()})
        if absent:
            raise DataError(
                f"lacks {', '.join(f'{name}/' for name in absent)}",
                where=place,
                why="the training strategy reads these directories",
                hint="prepare the dataset with the matching columns, or correct the directory names in the config",
            )
        listed = {name: _listing(place / name) for name in dict.fromkeys(roles.values())}
        by_role = {role: listed[name] for role, name in roles.items()}
        if CONDITIONS in by_role:
            by_role[CONDITIONS] = _with_legacy_names(by_role)
        samples, dropped = _pair(by_role, roles)
        return cls(place, dict(roles), samples, dropped)

    def require_samples(self) -> None:
        """Raise DataError when no sample is complete."""
        if self.samples:
            return
        directories = ", ".join(f"{name}/" for name in dict.fromkeys(self.roles.values()))
        if not self.dropped:
            raise DataError(f"holds no prepared samples in {directories}", where=self.root, hint="run prepare")
        first = self.dropped[0]
        raise DataError(
            f"holds no complete sample: all {len(self.dropped)} lack a partner file",
            where=self.root,
            why=f"for example {first.name}: {first.reason}",
            hint="the files of one sample need the same relative name in every directory; run prepare again",
        )


def _listing(directory: Path) -> dict[str, Path]:
    """Relative name without suffix -> file, for every ``.pt`` below a directory; linked folders are not entered."""

    def refuse(error: OSError) -> None:
        raise EnvironmentFault(f"cannot be read: {error.strerror or error}", where=directory) from error

    found: dict[str, Path] = {}
    for folder, _, names in os.walk(directory, onerror=refuse):
        base = Path(folder)
        for name in names:
            if name.endswith(".pt"):
                file = base / name
                found[file.relative_to(directory).as_posix()[:-3]] = file
    return found


def _with_legacy_names(by_role: Mapping[str, Mapping[str, Path]]) -> dict[str, Path]:
    """Older datasets pair ``latent_X.pt`` with ``conditions/condition_X.pt``: give the latter the former's name."""
    primary = next((by_role[role] for role in ("video", "audio") if role in by_role), {})
    renamed: dict[str, str] = {}
    for name in primary:
        last = name.rpartition("/")[2]
        if last.startswith(_LATENT):
            renamed[_CONDITION + last.removeprefix(_LATENT)] = name
    captions = by_role[CONDITIONS]
    return {
        (name if name in primary else renamed.get(name.rpartition("/")[2], name)): file
        for name, file in captions.items()
    }


def _pair(
    by_role: Mapping[str, Mapping[str, Path]], roles: Mapping[str, str]
) -> tuple[tuple[Sample, ...], tuple[Dropped, ...]]:
    samples, dropped = [], []
    for name in sorted(set().union(*by_role.values())):
        lacking = list(dict.fromkeys(roles[role] for role, files in by_role.items() if name not in files))
        if lacking:
            dropped.append(Dropped(name, f"no file in {', '.join(f'{directory}/' for directory in lacking)}"))
        else:
            samples.append(Sample(name, {role: files[name] for role, files in by_role.items()}))
    return tuple(samples), tuple(dropped)


def iter_names(directory: Path) -> Iterator[tuple[str, Path]]:
    """Relative name and file of every prepared file below a directory, in name order."""
    yield from sorted(_listing(directory).items())
