"""What the data of a draft are: a prepared root, a raw dataset, both, or nothing yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

import presets
from presets.geometry import AUDIO_RATE, SPATIAL, latent_frames, pixel_frames
from schemas.errors import WizardError
from schemas.strategy import FlexibleStrategyConfig
from trainer.files.datafile import find_dataset_file
from trainer.files.dataset import DatasetIndex, Dropped, data_root, strategy_sources
from trainer.files.inspection import is_prepared
from trainer.files.raw import Raw, inspect_raw
from trainer.files.samples import AudioShape, VideoShape, describe
from tui.forms.draft import Draft
from tui.forms.rows import effective
from tui.guide.state import StepState

ROOT: Final = "data.preprocessed_data_root"
LOOKED_AT: Final = 200
"""Prepared files that are opened for their shapes; of a larger dataset, this many spread evenly."""
_SHOWN: Final = 3


@dataclass(frozen=True)
class DataQuestion:
    """What the facts depend on."""

    root: str
    strategy: Any
    columns: tuple[str, ...]
    """Columns that the goal needs of a dataset file; empty when no goal is chosen."""

    @staticmethod
    def of(draft: Draft) -> DataQuestion:
        """What the draft asks for."""
        root = effective(draft, ROOT)
        known = draft.preset is not None and draft.preset in presets.names()
        columns = presets.describe(draft.preset).columns if known and draft.preset else ()
        strategy = effective(draft, "training_strategy")
        return DataQuestion(root if isinstance(root, str) else "", strategy, columns)


@dataclass(frozen=True)
class DataFacts:
    """What a person should know about the data."""

    question: DataQuestion
    state: StepState
    lines: tuple[str, ...] = ()
    dataset: Path | None = None
    """The raw dataset file that can be prepared, if there is one."""
    clip: tuple[int, int, int] | None = None
    """Width, height and frames on the latent grid that every raw clip has; None when they are not known."""
    dropped: tuple[Dropped, ...] = field(default=(), repr=False)


def data_facts(question: DataQuestion) -> DataFacts:
    """Look at the data. Opens a few hundred small files at most; call it from a thread."""
    path = Path(question.root).expanduser()
    if not question.root or not path.exists():
        words = "there is nothing at this path" if question.root else "no data chosen yet"
        hint = "Name a prepared root, a dataset file (.csv, .json, .jsonl) or its folder."
        return DataFacts(question, StepState("open", words), (f"{words.capitalize()}.", hint))
    try:
        if path.is_dir() and is_prepared(path):
            return _prepared(question, path)
        return _raw(question, path)
    except (WizardError, OSError) as error:
        return DataFacts(question, StepState("wrong", "cannot be used"), tuple(_error(error)))


def _error(error: Exception) -> Iterator[str]:
    first, *rest = str(error).splitlines()
    yield f"error: {first}"
    yield from rest


# -------------------------------------------------------------------- prepared


def _prepared(question: DataQuestion, path: Path) -> DataFacts:
    root = data_root(path)
    dataset = find_dataset_file(root.parent) if root.name == ".precomputed" else None
    strategy = _strategy(question.strategy)
    if strategy is None:
        words = "the modalities have errors"
        return DataFacts(question, StepState("open", words), ("Known as soon as the modalities are valid.",), dataset)
    roles = {source.role: source.directory for source in strategy_sources(strategy)}
    missing = sorted({name for name in roles.values() if not (root / name).is_dir()})
    if missing:
        words = f"lacks {', '.join(f'{name}/' for name in missing)}"
        reason = (f"error: {root} {words}", "  why:  the modalities and conditions read these directories")
        return DataFacts(question, StepState("wrong", words), (*reason, *_again(dataset)), dataset)
    index = DatasetIndex.build(root, roles)
    count = len(index.samples)
    state = StepState("done" if count else "wrong", f"{count} clips" if count else "no complete clip")
    lines = (f"{count} complete clips in {root}", *_shapes(index), *_dropped(index.dropped))
    return DataFacts(question, state, lines, dataset, dropped=index.dropped)


def _again(dataset: Path | None) -> Iterator[str]:
    if dataset is not None:
        yield f"  next: prepare {dataset.name} again with the columns that the goal needs"


def _strategy(strategy: Any) -> FlexibleStrategyConfig | None:
    """The strategy as the trainer reads it; None when something is wrong with it."""
    try:
        return FlexibleStrategyConfig.model_validate(strategy if strategy is not None else {})
    except ValidationError:
        return None


def _shapes(index: DatasetIndex) -> Iterator[str]:
    """Buckets and lengths, from files spread evenly over the dataset."""
    samples = index.samples[:: max(1, -(-len(index.samples) // LOOKED_AT))]
    video, audio = Counter[str](), Counter[str]()
    for sample in samples:
        for role, counts in (("video", video), ("audio", audio)):
            if role in sample.files:
                counts[_shape(sample.files[role])] += 1
    part = "" if len(samples) == len(index.samples) else f" (of {len(samples)} looked at)"
    for name, counts in (("video", video), ("audio", audio)):
        if counts:
            listed = [f"{shape}: {number}" for shape, number in counts.most_common(4)]
            more = f", and {len(counts) - 4} more" if len(counts) > 4 else ""
            yield f"{name}{part}  {', '.join(listed)}{more}"


def _shape(path: Path) -> str:
    try:
        shape = describe(path)
    except WizardError:
        return "unreadable"
    match shape:
        case VideoShape():
            return f"{shape.width * SPATIAL}x{shape.height * SPATIAL}x{pixel_frames(shape.frames)}"
        case AudioShape():
            return f"{shape.steps / AUDIO_RATE:.1f} s"
        case _:
            return "something else"


def _dropped(dropped: Sequence[Dropped]) -> Iterator[str]:
    if dropped:
        yield f"warning: {len(dropped)} clips are left out"
        yield from (f"  {one.name}: {one.reason}" for one in dropped[:_SHOWN])


# -------------------------------------------------------------------- raw


def _raw(question: DataQuestion, path: Path) -> DataFacts:
    raw = inspect_raw(path)
    if not raw.roles:
        words = (f"{path}: {raw.rows} media files and no dataset file", "  next: write a dataset file with captions")
        return DataFacts(question, StepState("open", "no dataset file"), words)
    lacking = [column for column in question.columns if column not in raw.roles]
    lines = [f"{raw.rows} clips, not prepared yet, in {raw.path}", *_media(raw)]
    if lacking:
        lines += [f"error: it has no column for {', '.join(lacking)}, which the goal needs"]
    lines += [f"warning: {one.name}: {one.reason}" for one in raw.broken[:_SHOWN]]
    lines += [f"warning: lines {', '.join(map(str, one.lines))} share a name" for one in raw.collisions[:_SHOWN]]
    state = StepState("wrong", f"no column for {', '.join(lacking)}") if lacking else StepState("open", "to prepare")
    return DataFacts(question, state, tuple(lines), raw.path, _clip(raw), tuple(raw.broken))


def _clip(raw: Raw) -> tuple[int, int, int] | None:
    """The smallest sides and length among the clips, brought down to the latent grid."""
    videos = [media for media in raw.media if media.role == "video" and media.sizes]
    if not videos:
        return None
    sides = [[int(side) for side in size.split(" x ")] for media in videos for size in media.sizes]
    frames = [count for media in videos for count in media.frames] or [1]
    width, height = (min(values) // SPATIAL * SPATIAL for values in zip(*sides, strict=True))
    return max(width, SPATIAL), max(height, SPATIAL), pixel_frames(latent_frames(min(frames)))


def _media(raw: Raw) -> Iterator[str]:
    for media in raw.media:
        sizes = ", ".join(f"{size}: {count}" for size, count in media.sizes.most_common(3))
        facts = f"{media.role}  {media.files} files, {media.with_sound} with sound, {media.seconds:.0f} s  {sizes}"
        yield facts.rstrip()
    counts: Mapping[str, int] = raw.captions
    low, high = raw.words
    if counts:
        yield f"captions  {counts['with text']} of {low} to {high} words, {counts['empty']} empty"
