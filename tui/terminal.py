"""What the terminal can do, decided before Textual is imported because it reads its environment at import."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping

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


def ascii_only() -> bool:
    """True when nothing beyond ASCII can be shown: LTX2_WIZARD_ASCII=1, or a locale that is not UTF-8.

    LTX2_WIZARD_ASCII=0 says that the terminal can, whatever the locale says.
    """
    wish = os.environ.get("LTX2_WIZARD_ASCII", "")
    if wish:
        return wish not in {"0", "no", "false"}
    locale = next((value for name in ("LC_ALL", "LC_CTYPE", "LANG") if (value := os.environ.get(name))), "")
    return bool(locale) and "utf" not in locale.lower()


def few_colours(environment: Mapping[str, str]) -> bool:
    """True when the terminal says that it has no more than sixteen colours, whose shades its user has chosen."""
    if environment.get("COLORTERM", "").strip().lower() in {"truecolor", "24bit"}:
        return False
    return not environment.get("TERM", "").endswith(("256color", "kitty", "direct"))


def prepare_environment() -> None:
    """Set what Textual reads at import: no animation, few frames, terminal colours when colour is unwanted.

    Textual writes its screen to standard error; under a non-UTF-8 locale that stream would print escapes such as
    ``\\u2502`` in place of every line and braille dot, so it is switched to UTF-8.
    """
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    for name in ("COLUMNS", "LINES"):  # exported sizes would hide every later change of size
        os.environ.pop(name, None)
    os.environ.setdefault("TEXTUAL_FPS", "20")
    if not os.environ.get("NO_COLOR"):  # Textual takes an empty one for a wish, which it is not
        os.environ.pop("NO_COLOR", None)
    if os.environ.get("NO_COLOR") or few_colours(os.environ):
        os.environ["TEXTUAL_THEME"] = "ansi-dark"  # what the application starts from before it chooses its own
    for stream in (sys.__stderr__, sys.__stdout__):
        if isinstance(stream, io.TextIOWrapper) and (stream.encoding or "").lower().replace("-", "") != "utf8":
            stream.reconfigure(encoding="utf-8", errors="replace")
