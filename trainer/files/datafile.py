"""Reading dataset files: one row per sample, columns with roles (video, caption, reference_video, ...).

CSV takes its columns from the header line, JSON (a list of objects) and JSONL (one object per line) from the keys.
Paths in rows are relative to the dataset file's directory.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Final

from schemas.errors import DataError, EnvironmentFault, Location

ROLES: Final = (
    "video",
    "audio",
    "reference_video",
    "reference_audio",
    "video_mask",
    "audio_mask",
    "caption",
)
ALIASES: Final[Mapping[str, str]] = MappingProxyType({"media_path": "video", "ref_media_path": "reference_video"})
MEDIA_ROLES: Final = tuple(role for role in ROLES if role != "caption")
SUFFIXES: Final = (".csv", ".json", ".jsonl")


@dataclass(frozen=True, slots=True)
class Row:
    """One sample. ``line`` is where it starts in the dataset file (1-based); ``values`` are by column name."""

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Collision:
    """Several rows that would write the same prepared file."""

    name: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A dataset file. ``roles`` maps each role found to the column that plays it."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    roles: Mapping[str, str]

    @property
    def main_role(self) -> str:
        """The role that names the prepared files: video if present, else audio."""
        return "video" if "video" in self.roles else "audio"

    def text(self, row: Row, role: str) -> str:
        """A row's value for a role as text; DataError with the line when it is missing or not text."""
        column = self.roles[role]
        value = row.values.get(column)
        if isinstance(value, str) and (role == "caption" or value.strip()):
            return value
        what = "has no" if value is None or value == "" else f"has {value!r:.60} as"
        raise DataError(
            f"this row {what} '{column}'",
            where=Location(self.path, line=row.line),
            hint="fill the column in, or delete the row",
        )

    def media(self, row: Row, role: str) -> Path:
        """The file a row names for a role, resolved against the dataset file's directory."""
        return self.path.parent / Path(self.text(row, role)).expanduser()

    def output_name(self, row: Row) -> PurePosixPath:
        """Relative path of the row's prepared files: that of its main media with the suffix ``.pt``.

        Media outside the dataset directory are mirrored by their absolute path without its root.
        """
        base = os.path.abspath(self.path.parent)  # noqa: PTH100 - symbolic links must not be followed
        media = os.path.abspath(self.media(row, self.main_role))  # noqa: PTH100
        inside = Path(media).is_relative_to(base)
        relative = Path(media).relative_to(base) if inside else Path(media).relative_to(Path(media).anchor)
        return PurePosixPath(relative.with_suffix(".pt").as_posix())

    def collisions(self) -> tuple[Collision, ...]:
        """Rows that share an output name, such as ``a.mp4`` and ``a.mov``, or one clip listed twice."""
        found: dict[str, list[int]] = {}
        for row in self.rows:
            found.setdefault(str(self.output_name(row)), []).append(row.line)
        return tuple(Collision(name, tuple(lines)) for name, lines in found.items() if len(lines) > 1)


def read_rows(path: str | Path, *, caption_column: str | None = None, video_column: str | None = None) -> Rows:
    """Read a ``.csv``, ``.json`` or ``.jsonl`` dataset file.

    The two column arguments name columns for their role whatever they are called. Raises DataError with the line for
    malformed content, rows that are not like the first one, roles given twice, and for files without a caption or
    without any media column.
    """
    path = Path(path).expanduser()
    text = _read_text(path)
    if path.suffix.lower() == ".csv":
        columns, rows = _csv_rows(path, text)
    else:
        objects = _jsonl_objects(path, text) if path.suffix.lower() == ".jsonl" else _json_objects(path, text)
        columns, rows = _object_rows(path, objects)
    if not rows:
        raise DataError("holds no rows", where=path, hint="add one row per clip")
    roles = _roles(path, columns, {"caption": caption_column, "video": video_column})
    return Rows(path, columns, rows, roles)


def find_dataset_file(path: Path) -> Path | None:
    """The dataset file a path names or a folder holds (``dataset.*``, or the only one); None when there is none."""
    if path.is_file():
        return path
    found = sorted(child for child in path.iterdir() if child.is_file() and child.suffix.lower() in SUFFIXES)
    named = [child for child in found if child.stem == "dataset"]
    if named:
        return named[0]
    return found[0] if len(found) == 1 else None


def _read_text(path: Path) -> str:
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"is not a dataset file ({', '.join(SUFFIXES)})", where=path, hint="name the file, not a folder"
        )
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise DataError("there is no such dataset file", where=path, hint="check the path") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DataError("is not UTF-8 text", where=Location(path, line=line), hint="save the file as UTF-8") from error
    except OSError as error:
        raise EnvironmentFault(f"cannot be read: {error.strerror or error}", where=path) from error


def _csv_rows(path: Path, text: str) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    columns: tuple[str, ...] = ()
    line = 1
    try:
        for cells in reader:
            if not columns:
                columns = _unique_columns(path, [cell.strip() for cell in cells])
            elif cells:
                rows.append(Row(line, _csv_row(path, line, columns, cells)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"is not sound CSV: {error}", where=Location(path, line=line), hint="check the quotes"
        ) from error
    return columns, tuple(rows)


def _csv_row(path: Path, line: int, columns: tuple[str, ...], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(columns):
        raise DataError(
            f"this row has {len(cells)} columns, the header has {len(columns)}",
            where=Location(path, line=line),
            hint='a caption with commas needs quotes around it: "a cat, a dog"',
        )
    return dict(zip(columns, cells, strict=True))


def _unique_columns(path: Path, names: list[str]) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"names the column '{twice[0]}' twice", where=Location(path, line=1), hint="rename one")
    return tuple(names)


def _jsonl_objects(path: Path, text: str) -> Iterable[tuple[int, Any]]:
    for line, content in enumerate(text.split("\n"), start=1):
        if content.strip():
            try:
                yield line, json.loads(content)
            except (ValueError, RecursionError) as error:
                raise DataError(f"is not JSON: {error}", where=Location(path, line=line)) from error


def _json_objects(path: Path, text: str) -> Iterable[tuple[int, Any]]:
    """The items of a JSON list, each with the line it starts on."""
    decoder = json.JSONDecoder()
    place = _skip(text, 0)
    if text[place : place + 1] != "[":
        raise DataError("is not a JSON list of objects", where=path, hint='write [{"video": ..., "caption": ...}, ...]')
    place, line, counted = _skip(text, place + 1), 1, 0
    while text[place : place + 1] != "]":
        line, counted = line + text.count("\n", counted, place), place
        try:
            found, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            place = getattr(error, "pos", place)
            line += text.count("\n", counted, place)
            raise DataError(f"is not JSON: {error}", where=Location(path, line=line)) from error
        yield line, found
        place = _skip(text, end)
        if text[place : place + 1] == ",":
            place = _skip(text, place + 1)
        elif text[place : place + 1] != "]":
            line += text.count("\n", counted, place)
            raise DataError("is not JSON: a comma or ] is missing", where=Location(path, line=line))


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place


def _object_rows(path: Path, objects: Iterable[tuple[int, Any]]) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    rows: list[Row] = []
    for line, found in objects:
        if not isinstance(found, dict):
            raise DataError("this entry is not an object", where=Location(path, line=line), hint='write {"video": ...}')
        rows.append(Row(line, found))
    columns = tuple(dict.fromkeys(key for row in rows for key in row.values))
    return columns, tuple(rows)


def _roles(path: Path, columns: tuple[str, ...], named: Mapping[str, str | None]) -> Mapping[str, str]:
    roles: dict[str, str] = {}
    for role, column in named.items():
        if column is None:
            continue
        if column not in columns:
            raise DataError(
                f"has no column '{column}' (asked for as the {role} column)",
                where=path,
                hint=f"its columns are: {', '.join(columns)}",
            )
        roles[role] = column
    for column in columns:
        role = ALIASES.get(column, column)
        if role not in ROLES or named.get(role) is not None or column in roles.values():
            continue
        if role in roles:
            raise DataError(
                f"has two columns for {role}: '{roles[role]}' and '{column}'", where=path, hint="delete one"
            )
        roles[role] = column
    if "caption" not in roles:
        raise DataError("has no caption column", where=path, hint=f"add one or name it; found: {', '.join(columns)}")
    if not roles.keys() & {"video", "audio"}:
        raise DataError(
            "has neither a video nor an audio column",
            where=path,
            hint=f"add one or name it; found: {', '.join(columns)}",
        )
    return MappingProxyType(roles)
