"""``inspect``: what a dataset holds, prepared or raw."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schemas.errors import EXIT_DATA, EXIT_OK
from tui.catalog import COMMANDS

if TYPE_CHECKING:
    from trainer.files.dataset import Dropped
    from trainer.files.inspection import Prepared
    from trainer.files.raw import Raw

_SHOWN = 20


@click.command(
    "inspect",
    help=COMMANDS["inspect"]
    + "\n\nDIR is a prepared root, a dataset file, or a folder with one of them or with clips.",
)
@click.argument("path", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quick", is_flag=True, help="Do not read every number of prepared files to find NaN.")
@click.pass_context
def command(ctx: click.Context, path: Path, as_json: bool, quick: bool) -> None:
    from trainer.files.inspection import inspect_prepared, is_prepared
    from trainer.files.raw import inspect_raw

    path = path.expanduser()
    if is_prepared(path):
        prepared = inspect_prepared(path, scan=not quick)
        data, lines, sound = prepared_json(prepared, scanned=not quick), _prepared_lines(prepared), prepared.sound
    else:
        raw = inspect_raw(path)
        data, lines, sound = raw_json(raw), _raw_lines(raw), raw.sound
    if as_json:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        for line in lines:
            click.echo(line)
    ctx.exit(EXIT_OK if sound else EXIT_DATA)


def prepared_json(found: Prepared, *, scanned: bool) -> dict[str, Any]:
    """The summary of a prepared root as plain data."""
    return {
        "ok": found.sound,
        "kind": "prepared",
        "root": str(found.root),
        "samples": found.samples,
        "scanned": scanned,
        "directories": [
            {
                "name": directory.name,
                "files": directory.files,
                "kinds": dict(directory.kinds),
                "shapes": dict(directory.shapes),
                "fps": dict(directory.fps),
                "seconds": round(directory.seconds, 3),
            }
            for directory in found.directories
        ],
        "dropped": _reasons(found.dropped),
        "broken": _reasons(found.broken),
        "nonfinite": _reasons(found.nonfinite),
        "stale": _reasons(found.stale),
        "prepare": found.report,
    }


def raw_json(found: Raw) -> dict[str, Any]:
    """The summary of a raw dataset as plain data."""
    return {
        "ok": found.sound,
        "kind": "raw",
        "path": str(found.path),
        "rows": found.rows,
        "roles": found.roles,
        "media": [
            {
                "role": media.role,
                "files": media.files,
                "kinds": dict(media.kinds),
                "sizes": dict(media.sizes),
                "frames": {str(frames): count for frames, count in media.frames.items()},
                "fps": dict(media.fps),
                "with_sound": media.with_sound,
                "seconds": round(media.seconds, 3),
            }
            for media in found.media
        ],
        "captions": dict(found.captions),
        "words": list(found.words),
        "broken": _reasons(found.broken),
        "collisions": [{"name": one.name, "lines": list(one.lines)} for one in found.collisions],
    }


def _reasons(found: Sequence[Dropped]) -> list[dict[str, str]]:
    return [{"name": one.name, "reason": one.reason} for one in found]


def _prepared_lines(found: Prepared) -> Iterator[str]:
    yield f"{found.root}: {found.samples} complete samples"
    for directory in found.directories:
        yield f"  {directory.name}/: {directory.files} files, {', '.join(directory.kinds) or 'none readable'}"
        yield from _counts("shape", directory.shapes)
        yield from _counts("fps", directory.fps)
        if directory.seconds:
            yield f"    {directory.seconds:.1f} s of sound"
    yield from _list("incomplete, not used", found.dropped)
    yield from _list("unreadable", found.broken)
    yield from _list("not finite", found.nonfinite)
    yield from _list("out of date with the dataset file", found.stale)
    missing = (found.report or {}).get("dropped")
    if isinstance(missing, list) and missing:
        yield f"the last prepare dropped {len(missing)} samples; prepare_report.json says why"


def _raw_lines(found: Raw) -> Iterator[str]:
    yield f"{found.path}: {found.rows} {'rows' if found.roles else 'media files'}"
    for role, column in found.roles.items():
        if column != role:
            yield f"  column '{column}' is the {role}"
    for media in found.media:
        kinds = ", ".join(f"{count} {kind}" for kind, count in media.kinds.items())
        yield f"  {media.role}: {kinds or f'{media.files} files'}, {media.with_sound} with sound, {media.seconds:.1f} s"
        yield from _counts("size", media.sizes)
        yield from _counts("frames", Counter({str(frames): count for frames, count in media.frames.items()}))
        yield from _counts("fps", media.fps)
    if found.captions:
        low, high = found.words
        yield f"  captions: {found.captions['with text']} with text ({low} to {high} words), "
        yield f"    {found.captions['empty']} empty, {found.captions['repeated']} not unique"
    yield from _list("cannot be used", found.broken)
    for collision in found.collisions[:_SHOWN]:
        lines = ", ".join(map(str, collision.lines))
        yield f"lines {lines} would all be written to {collision.name}: rename the files or delete rows"


def _counts(title: str, counts: Counter[str]) -> Iterator[str]:
    for value, count in counts.most_common(_SHOWN):
        yield f"    {title} {value}: {count}"
    if len(counts) > _SHOWN:
        yield f"    ... and {len(counts) - _SHOWN} more"


def _list(title: str, found: Sequence[Dropped]) -> Iterator[str]:
    if not found:
        return
    yield f"{title}: {len(found)}"
    for one in found[:_SHOWN]:
        yield f"  {one.name}: {one.reason}"
    if len(found) > _SHOWN:
        yield f"  ... and {len(found) - _SHOWN} more; --json lists all"
