"""Saying a style only when it changes, and only what changes of it.

Textual resets the style behind every piece of text and spells the next one out in full, which is half of what crosses
the line when a cursor moves. ``economical`` rewrites a stretch of terminal output so that the same cells come out with
the fewest codes. It is exact: what it does not know it leaves as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

PARTS: Final = re.compile(r"\x1b\[([\d;]*)m|(\x1b\[\d+;\d+H)")
"""Style codes, and cursor moves, which need no style."""
State = tuple[frozenset[str], str, str]
"""Attributes that are on, foreground code, background code."""
PLAIN: Final[State] = (frozenset(), "39", "49")
OFF: Final = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29"}
"""What switches an attribute off."""


def economical(text: str) -> str:
    """The same output with fewer style codes; begins and ends in the plain style."""
    if "\x1b[" not in text:
        return text
    written: list[str] = []
    now = wanted = PLAIN
    end = 0
    for found in PARTS.finditer(text):
        if found.start() > end:
            written += [_change(now, wanted), text[end : found.start()]]
            now = wanted
        end = found.end()
        if found[2]:
            written.append(found[2])
            continue
        following = _after(wanted, found[1])
        if following is None:
            return text
        wanted = following
    if end < len(text):
        written += [_change(now, wanted), text[end:]]
        now = wanted
    return "".join([*written, _change(now, PLAIN)])


@lru_cache(maxsize=4096)
def _after(state: State, codes: str) -> State | None:
    """The style after some codes; None for one that is not known here."""
    attributes, front, back = set(state[0]), state[1], state[2]
    rest = codes.split(";") if codes else ["0"]
    while rest:
        code = rest.pop(0)
        if code in ("38", "48"):
            length = {"5": 2, "2": 4}.get(rest[0] if rest else "", 0)
            if not length or len(rest) < length:
                return None
            colour = ";".join([code, *rest[:length]])
            del rest[:length]
            front, back = (colour, back) if code == "38" else (front, colour)
        elif code in ("0", ""):
            attributes, front, back = set(), "39", "49"
        elif code in OFF:
            attributes.add(code)
        elif code in OFF.values():
            attributes -= {on for on, off in OFF.items() if off == code}
        elif len(code) in (2, 3) and code[:-1] in ("3", "9"):
            front = code
        elif len(code) in (2, 3) and code[:-1] in ("4", "10"):
            back = code
        else:
            return None
    return frozenset(attributes), front, back


@lru_cache(maxsize=4096)
def _change(now: State, wanted: State) -> str:
    """The shortest codes from one style to another."""
    if now == wanted:
        return ""
    if wanted == PLAIN:
        return "\x1b[0m"
    off = dict.fromkeys(OFF[name] for name in sorted(now[0] - wanted[0]))
    kept = {name for name in now[0] if OFF[name] not in off}
    colours = [code for old, code in zip(now[1:], wanted[1:], strict=True) if old != code]
    step = [*off, *sorted(wanted[0] - kept), *colours]
    anew = ["0", *sorted(wanted[0]), *(code for code in wanted[1:] if code not in PLAIN[1:])]
    return f"\x1b[{min(';'.join(step), ';'.join(anew), key=len)}m"
