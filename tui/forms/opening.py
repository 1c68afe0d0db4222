"""Opening a configuration file of either generation as a draft."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from schemas.errors import ConfigError
from schemas.legacy import migrate
from tui.forms.draft import Draft

HEADER: Final = re.compile(r"^# LTX-2 training, preset (\w+)(?: for ([\d.]+) GB)?\.$", re.MULTILINE)
"""What ``render_yaml`` writes at the head of a file that was made from a preset."""
HEAD: Final = 2000
"""Characters in which the header is looked for."""


def open_draft(path: Path) -> tuple[Draft, tuple[str, ...]]:
    """A draft of a file in current keys, and what was read from older ones. Raises ConfigError for no YAML.

    The migration is the draft's first change: undo shows the keys as written. The preset named in the file's header
    becomes what the draft is compared with.
    """
    draft = Draft.open(path)
    _find_preset(draft)
    migration = migrate(draft.data)
    if migration.notes and not migration.problems and draft.migrate(migration.data):
        return draft, tuple(str(note) for note in migration.notes)
    return draft, ()


def _find_preset(draft: Draft) -> None:
    import presets

    assert draft.document is not None
    found = HEADER.search(draft.document.dump()[:HEAD])
    if found is None or found[1] not in presets.names():
        return
    vram = float(found[2]) if found[2] else None
    try:
        draft.base = presets.load(found[1], vram=vram)
    except ConfigError:  # no tier for such a card: nothing to compare with
        return
    draft.preset, draft.vram = found[1], vram
