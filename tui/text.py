"""Foreign text made fit to be shown."""

from __future__ import annotations

import re
from typing import Final

ESCAPES: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)")
"""Terminal escape sequences: CSI, OSC and two-character ones."""


def clean_line(line: str) -> str:
    """A line without escape sequences and control characters, so that it cannot command the terminal."""
    return "".join(char if char.isprintable() else " " for char in ESCAPES.sub("", line))
