"""What a review shows: the file as it will be written, what that changes, and the command that writes the same."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from schemas.errors import ConfigError
from tui.forms.differences import from_preset, init_arguments, shell_lines
from tui.forms.draft import Draft
from tui.forms.highlight import yaml_lines
from tui.forms.values import plain
from tui.text import Line, clean_line

TERMINAL_LIMIT: Final = 74_994
"""Bytes that reach the clipboard of a common terminal: 100 000 characters of OSC 52 hold no more."""
CONTEXT: Final = 3
"""Unchanged lines shown around a change."""


def problem_lines(draft: Draft) -> list[Line]:
    """What is wrong, each with what to do."""
    lines: list[Line] = []
    for problem in draft.problems:
        place = f"{problem.path}: " if problem.path else ""
        lines.append(((clean_line(f"✖ {place}{problem.message}"), "bad"),))
        if problem.hint:
            lines.append(((clean_line(f"    {problem.hint}"), "warn"),))
    return [*lines, ()] if lines else []


def written(draft: Draft) -> str:
    """The text of the file; empty when it cannot be written in place."""
    try:
        return draft.render().dump()
    except ConfigError:
        return ""


def file_lines(draft: Draft) -> list[Line]:
    """The whole file as it will be written."""
    try:
        return list(yaml_lines(draft.render().dump()))
    except ConfigError as error:
        return [((clean_line(line), "bad"),) for line in str(error).splitlines()]


def preset_lines(draft: Draft) -> list[Line]:
    """Field by field what differs from the preset."""
    found = from_preset(draft)
    if found is None:
        return [(("It is not known which preset this comes from.", "dim"),)]
    name = f"{draft.preset}{f' for {draft.vram:g} GB' if draft.vram is not None else ''}"
    if not found:
        return [((f"Nothing differs from the preset {name}.", "dim"),)]
    count = "1 field differs" if len(found) == 1 else f"{len(found)} fields differ"
    lines: list[Line] = [((f"{count} from the preset {name}:", "title"),), ()]
    for difference in found:
        lines.append(((difference.path, "name"),))
        lines.append((("  - ", "bad"), (clean_line(plain(difference.before)), "dim")))
        lines.append((("  + ", "good"), (clean_line(plain(difference.after)), "text")))
    return lines


def disk_lines(draft: Draft) -> list[Line]:
    """What saving changes in the file, as a patch."""
    if draft.path is None:
        return [(("There is no file yet: saving asks for a name.", "dim"),)]
    before = _read(draft.path)
    if before is None:
        return [((clean_line(f"{draft.path} does not exist yet, or cannot be read: all of it is new."), "dim"),)]
    patch = list(_patch(before, written(draft)))
    if not patch:
        return [((clean_line(f"Nothing would change in {draft.path}."), "dim"),)]
    newer = draft.newer_on_disk(draft.path)
    warning: list[Line] = [(("The file has changed since it was read here.", "warn"),), ()] if newer else []
    return [*warning, *patch]


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _patch(before: str, after: str) -> Iterator[Line]:
    styles = {"+": "good", "-": "bad", "@": "dim"}
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "on disk", "to be saved", "", "", CONTEXT, "")
    for line in lines:
        if not line.startswith(("---", "+++")):
            yield ((clean_line(line), styles.get(line[:1], "text")),)


def command_text(draft: Draft) -> str:
    """The command line that writes the same configuration; empty when there is none."""
    if draft.problems:
        return ""
    arguments = init_arguments(draft, draft.path.name if draft.path is not None else None)
    return "\n".join(shell_lines(arguments)) + "\n" if arguments else ""


def command_lines(draft: Draft) -> list[Line]:
    """The command, or why there is none."""
    if draft.problems:
        return [(("There is a command as soon as nothing is wrong.", "dim"),)]
    text = command_text(draft)
    if not text:
        return [(("There is nothing to start from: neither a preset nor a file.", "dim"),)]
    return [(("This writes the same configuration without a terminal:", "title"),), (), *_shell(text)]


def _shell(text: str) -> Iterator[Line]:
    for line in text.splitlines():
        yield ((clean_line(line), "text"),)


VIEWS: Final[dict[str, tuple[str, Callable[[Draft], list[Line]]]]] = {
    "file": ("the file as it will be written", file_lines),
    "preset": ("against the preset", preset_lines),
    "disk": ("against the file on disk", disk_lines),
    "command": ("the same as a command", command_lines),
}
"""What can be looked at: heading and lines."""


def broken(line: Line, width: int) -> list[Line]:
    """A line that is too long as several; the rest is indented a little more and keeps its style."""
    if width < 20 or sum(len(text) for text, _ in line) <= width:
        return [line]
    text = "".join(part for part, _ in line)
    indent = min(width // 2, len(text) - len(text.lstrip()) + 4)
    parts, row, room = [], [], width
    for span, style in line:
        while len(span) > room:
            cut = span.rfind(" ", 0, room + 1)
            cut = cut if cut > 0 else room
            row.append((span[:cut], style))
            parts.append(tuple(row))
            span, row, room = span[cut:].lstrip(" "), [(" " * indent, "text")], width - indent  # noqa: PLW2901
        row.append((span, style))
        room -= len(span)
    return [*parts, tuple(row)]


__all__ = ["TERMINAL_LIMIT", "VIEWS", "broken", "command_text", "problem_lines", "written"]
