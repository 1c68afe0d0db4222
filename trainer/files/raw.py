"""What a raw dataset holds: a dataset file with its media, or a folder of media files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from schemas.errors import DataError, WizardError
from trainer.files.datafile import MEDIA_ROLES, Collision, Rows, find_dataset_file, read_rows
from trainer.files.dataset import Dropped
from trainer.files.media import IMAGE_SUFFIXES, MediaInfo, probe

_MEDIA_SUFFIXES: Final = IMAGE_SUFFIXES | {
    ".mp4",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".m4v",
    ".wav",
    ".mp3",
    ".flac",
    ".ogg",
    ".m4a",
}


@dataclass
class Media:
    """Files of one role, counted."""

    role: str
    files: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    """``width x height``."""
    frames: Counter[int] = field(default_factory=Counter)
    fps: Counter[str] = field(default_factory=Counter)
    with_sound: int = 0
    seconds: float = 0.0


@dataclass
class Raw:
    """A dataset file or folder before preparation."""

    path: Path
    rows: int
    """Rows of the dataset file; media files of a folder without one."""
    roles: dict[str, str] = field(default_factory=dict)
    media: list[Media] = field(default_factory=list)
    captions: Counter[str] = field(default_factory=Counter)
    """``empty``, ``repeated``, ``with text``; nothing without a dataset file."""
    words: tuple[int, int] = (0, 0)
    """Fewest and most words of a caption."""
    broken: list[Dropped] = field(default_factory=list)
    """Rows or files that cannot be used, and why."""
    collisions: tuple[Collision, ...] = ()

    @property
    def sound(self) -> bool:
        return not self.broken and not self.collisions


def inspect_raw(path: Path) -> Raw:
    """Describe a raw dataset; every media file is opened, none decoded. DataError when nothing is there."""
    if not path.exists():
        raise DataError("there is nothing here", where=path, hint="name a prepared root, a dataset file or its folder")
    file = find_dataset_file(path)
    return _from_rows(read_rows(file)) if file else _from_folder(path)


def _from_rows(rows: Rows) -> Raw:
    result = Raw(rows.path, len(rows.rows), dict(rows.roles))
    for role in MEDIA_ROLES:
        if role in rows.roles:
            media = Media(role)
            for row in rows.rows:
                try:
                    file = rows.media(row, role)
                    if file.suffix.lower() in (".pt", ".pth"):
                        media.files += 1
                    else:
                        _count(media, probe(file))
                except WizardError as error:
                    result.broken.append(Dropped(f"line {row.line}", _words_of(error)))
            result.media.append(media)
    _captions(result, rows)
    try:
        result.collisions = rows.collisions()
    except WizardError:
        result.collisions = ()  # a row without its media is in ``broken`` already
    return result


def _words_of(error: WizardError) -> str:
    return f"{error.where.path.name}: {error.message}" if error.where.path else error.message


def _captions(result: Raw, rows: Rows) -> None:
    texts = []
    for row in rows.rows:
        try:
            texts.append(rows.text(row, "caption"))
        except WizardError as error:
            result.broken.append(Dropped(f"line {row.line}", error.message))
    seen = Counter(text for text in texts if text.strip())
    result.captions["empty"] = sum(not text.strip() for text in texts)
    result.captions["with text"] = len(texts) - result.captions["empty"]
    result.captions["repeated"] = sum(count for count in seen.values() if count > 1)
    counts = [len(text.split()) for text in texts if text.strip()]
    result.words = (min(counts, default=0), max(counts, default=0))


def _from_folder(path: Path) -> Raw:
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in _MEDIA_SUFFIXES and file.is_file())
    if not files:
        raise DataError(
            "holds neither prepared files, nor a dataset file, nor media",
            where=path,
            hint="name a prepared root, a dataset file or a folder of clips",
        )
    result, media = Raw(path, len(files)), Media("media")
    for file in files:
        try:
            _count(media, probe(file))
        except WizardError as error:
            result.broken.append(Dropped(file.relative_to(path).as_posix(), error.message))
    result.media.append(media)
    return result


def _count(media: Media, found: MediaInfo) -> None:
    media.files += 1
    media.kinds[found.kind] += 1
    media.seconds += found.duration
    media.with_sound += found.has_audio
    if found.kind != "audio":
        media.sizes[f"{found.width} x {found.height}"] += 1
    if found.kind == "video":
        media.frames[found.frames] += 1
        media.fps[f"{found.fps:.3f}".rstrip("0").rstrip(".")] += 1
