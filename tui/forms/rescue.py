"""Saving what was being edited when the program itself fails."""

from __future__ import annotations

import os
from pathlib import Path

from schemas.emitting import inline
from schemas.errors import ConfigError
from tui.forms.draft import Draft


def rescue(draft: Draft, folder: Path) -> Path | None:
    """Write a draft with unsaved changes to a new file in ``folder``; None when there is nothing or no way to save."""
    if not draft.dirty or not (draft.can_undo or draft.document is not None):
        return None
    try:
        text = draft.render().dump()
    except ConfigError:  # it cannot be written in place: every value on one line is better than nothing
        text = inline(draft.data) + "\n"
    path = folder / f"rescued-{os.getpid()}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError:
        return None
    return path
