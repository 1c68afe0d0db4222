"""YAML text as styled lines, read line by line: enough for what configurations hold, harmless for anything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tui.text import Line, clean_line

KEY: Final = re.compile(r"^(\s*(?:- +)*)([\w.\-]+|\"[^\"]*\"|'[^']*')(\s*:)(?=\s|$)")
BLOCK: Final = re.compile(r"[|>][+-]?\d?\s*(#.*)?$")
COMMENT: Final = re.compile(r"(?:^|\s)#.*$")


def yaml_lines(text: str) -> Iterator[Line]:
    """Keys as names, values strong, comments dim; the text of block scalars plain. Control characters are left out."""
    block: int | None = None
    for raw in text.splitlines():
        line = clean_line(raw)
        indent = len(line) - len(line.lstrip())
        if block is not None and (not line.strip() or indent > block):
            yield ((line, "text"),)
            continue
        styled, starts = _styled(line)
        block = indent if starts else None
        yield styled


def _styled(line: str) -> tuple[Line, bool]:
    """One line, and whether a block of text begins below it."""
    if line.lstrip().startswith("#"):
        return ((line, "warn" if line.strip() == "# REQUIRED" else "dim"),), False
    found = KEY.match(line)
    head: Line = ((found[1], "dim"), (found[2], "name"), (found[3], "dim")) if found else ()
    rest = line[found.end() :] if found else line
    value, comment = _comment(rest)
    tail: Line = (*(((value, "text"),) if value else ()), *(((comment, "dim"),) if comment else ()))
    return tuple(span for span in (*head, *tail) if span[0]), BLOCK.search(rest) is not None


def _comment(text: str) -> tuple[str, str]:
    """A value and the comment behind it; a # inside quotes is no comment."""
    for found in re.finditer(r"(?:^|(?<=\s))#", text):
        before = text[: found.start()]
        if before.count('"') % 2 == 0 and before.count("'") % 2 == 0:
            return before, text[found.start() :]
    return text, ""
