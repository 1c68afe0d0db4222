"""Which saves this run made, so that old ones can go and nothing else ever does.

``checkpoints/saves.json`` lists them; a resumed run goes on with the list, so that ``keep_last_n`` counts across
restarts. A file that is not listed is never touched.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from trainer.rundir import RunDirectory, write_atomic

NAME = "saves.json"


@dataclass(frozen=True, slots=True)
class Save:
    """What was written at one step: names below ``checkpoints/``."""

    step: int
    export: str | None
    state: str | None
    average: str | None = None
    """The published average of the weights, when one is kept."""

    @property
    def names(self) -> tuple[str, ...]:
        """Whatever of them there is."""
        return tuple(name for name in (self.export, self.state, self.average) if name is not None)


class Ledger:
    """The saves of a run, oldest first."""

    def __init__(self, run: RunDirectory) -> None:
        self._folder = run.checkpoints_path
        self._saves = _read(self._folder / NAME)

    @property
    def saves(self) -> tuple[Save, ...]:
        """Everything listed."""
        return tuple(self._saves)

    def add(self, save: Save) -> None:
        """List a save; an earlier one of the same step is the same files."""
        others = [other for other in self._saves if other.step != save.step]
        self._saves = sorted([*others, save], key=lambda other: other.step)
        self._write()

    def abandon_after(self, step: int) -> tuple[Path, ...]:
        """Going on from ``step``: saves of later steps belong to another course; rename them and forget them.

        Left in place they would count as the newest, be kept in favour of the new ones and be resumed from.
        """
        later = [save for save in self._saves if save.step > step]
        moved = []
        for path in (self._folder / name for save in later for name in save.names):
            if path.exists():
                number = 1
                while (target := path.with_name(f"{path.name}.abandoned-{number}")).exists():
                    number += 1
                path.rename(target)
                moved.append(target)
        if later:
            self._saves = [save for save in self._saves if save.step <= step]
            self._write()
        return tuple(moved)

    def prune(self, keep: int) -> tuple[Path, ...]:
        """Delete all but the newest ``keep`` saves and say what went; 0 and -1 keep everything."""
        if keep <= 0:
            return ()
        old, kept = self._saves[:-keep], self._saves[-keep:]
        needed = {name for save in kept for name in save.names}
        gone = []
        for name in (name for save in old for name in save.names if name not in needed):
            path = self._folder / name
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()
            else:
                continue
            gone.append(path)
        self._saves = kept
        if old:
            self._write()
        return tuple(gone)

    def _write(self) -> None:
        write_atomic(self._folder / NAME, json.dumps({"v": 1, "saves": [asdict(save) for save in self._saves]}) + "\n")


def _read(path: Path) -> list[Save]:
    """The listed saves; an unreadable list counts as empty, which only means that nothing of it is ever deleted."""
    try:
        saves = [Save(**entry) for entry in json.loads(path.read_text())["saves"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    plain = [save for save in saves if all(Path(name).name == name for name in save.names)]
    return sorted(plain, key=lambda save: save.step)
