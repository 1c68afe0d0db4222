"""Earlier runs that can be laid over the curves of the present one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trainer.rundir.index import EventIndex
from trainer.rundir.layout import RunDirectory
from tui.charts.series import Series

MOST: Final = 3
CHUNK_SECONDS: Final = 0.2


def read_curves(folder: Path, smoothing: float) -> Mapping[str, Series]:
    """Every metric of a run, aligned by step. Takes seconds for a long run: not for the thread that draws."""
    index = EventIndex.open(RunDirectory(folder).events_path)
    while index.behind:
        if not index.poll(CHUNK_SECONDS):
            break
    index.save()
    return {name: Series(index.columns, name, smoothing) for name in index.columns.by_name}
