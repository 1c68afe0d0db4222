"""Whether prepared files still belong to the dataset file beside them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from schemas.errors import WizardError
from trainer.files.datafile import find_dataset_file, read_rows
from trainer.files.dataset import PRECOMPUTED, Dropped


def stale_samples(root: Path, directories: Collection[str], names: Collection[str]) -> list[Dropped]:
    """Samples of a ``.precomputed`` root that the dataset file next to it no longer describes, and rows not prepared.

    Compares names, and the times of a row's media with those of its prepared files. Nothing when there is no readable
    dataset file.
    """
    if root.name != PRECOMPUTED:
        return []
    file = find_dataset_file(root.parent)
    if file is None:
        return []
    try:
        rows = read_rows(file)
        listed = {
            rows.output_name(row).with_suffix("").as_posix(): rows.media(row, rows.main_role) for row in rows.rows
        }
    except WizardError:
        return []
    found = [Dropped(name, f"is not in {file.name}") for name in sorted(set(names) - listed.keys())]
    found += [Dropped(name, "was never prepared") for name in sorted(listed.keys() - set(names))]
    for name in sorted(listed.keys() & set(names)):
        prepared = [path for directory in directories if (path := root / directory / f"{name}.pt").is_file()]
        if _newer(listed[name], prepared):
            found.append(Dropped(name, f"{listed[name].name} was changed after it was prepared"))
    return found


def _newer(media: Path, prepared: list[Path]) -> bool:
    try:
        return media.stat().st_mtime > min(path.stat().st_mtime for path in prepared)
    except (OSError, ValueError):
        return False
