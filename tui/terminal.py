"""What the terminal can do, decided before Textual is imported because it reads its environment at import."""

from __future__ import annotations

import io
import os
import sys

from schemas.errors import UsageError


def can_draw() -> bool:
    """True when a full-screen application makes sense: a real terminal on both ends, and not a dumb one."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", ""}


def require_drawing(instead: str) -> None:
    """Raise UsageError unless the application can be drawn; ``instead`` names the command that needs no terminal."""
    if not can_draw():
        raise UsageError(
            "this needs a terminal to draw on",
            why="input or output is not a terminal, or TERM is 'dumb'",
            hint=instead,
        )


def prepare_environment() -> None:
    """Set what Textual reads at import: no animation, few frames, terminal colours when colour is unwanted.

    Textual writes its screen to standard error; under a non-UTF-8 locale that stream would print escapes such as
    ``\\u2502`` in place of every line and braille dot, so it is switched to UTF-8.
    """
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    for name in ("COLUMNS", "LINES"):  # exported sizes would hide every later change of size
        os.environ.pop(name, None)
    os.environ.setdefault("TEXTUAL_FPS", "20")
    if os.environ.get("NO_COLOR"):
        os.environ.setdefault("TEXTUAL_THEME", "ansi-dark")
    for stream in (sys.__stderr__, sys.__stdout__):
        if isinstance(stream, io.TextIOWrapper) and (stream.encoding or "").lower().replace("-", "") != "utf8":
            stream.reconfigure(encoding="utf-8", errors="replace")
