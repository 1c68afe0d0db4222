"""Asking and answering on plain streams."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from schemas.errors import UsageError
from tui.text import clean_line

BACK = "<"
WIDTH = 79
"""Terminals of unknown width are taken to be this wide."""


class Back(Exception):  # noqa: N818 - a wish, not an error
    """The person wants the question before this one."""


@dataclass(slots=True)
class Console:
    """Lines in, lines out. An input that ends is an error: what was not answered is never made up."""

    read: TextIO = field(default_factory=lambda: sys.stdin)
    write: TextIO = field(default_factory=lambda: sys.stdout)

    def say(self, *lines: str) -> None:
        """Print lines; text from files cannot command the terminal."""
        for line in lines:
            for part in _wrapped(clean_line(line)):
                print(part, file=self.write, flush=True)

    def head(self, title: str, lines: Iterable[str] = ()) -> None:
        """A heading with some space above it."""
        self.say("", title, "-" * len(title), *lines)

    def ask(self, question: str, default: str = "", judge: Callable[[str], str] = lambda _answer: "") -> str:
        """One answer, the default when the line is empty; asked again until ``judge`` has nothing against it.

        Raises Back for ``<`` and UsageError at the end of the input.
        """
        while True:
            print(f"{clean_line(question)}{f' [{clean_line(default)}]' if default else ''}: ", end="", file=self.write)
            self.write.flush()
            line = self.read.readline()
            if not line:
                self.say("")
                raise UsageError("the input ended before the last question", hint="nothing was written")
            answer = line.strip()
            if answer == BACK:
                raise Back
            problem = judge(answer or default)
            if not problem:
                return answer or default
            self.say(*(f"  ! {part}" for part in problem.splitlines()))

    def choose(self, question: str, options: Sequence[str], default: int = 0) -> int:
        """One of several numbered lines, by its number; counts from 0, as ``default`` does."""
        width = len(str(len(options)))
        self.say(*(f"  {number:>{width}}  {text}" for number, text in enumerate(options, 1)))

        def judge(answer: str) -> str:
            good = answer.isdigit() and 1 <= int(answer) <= len(options)
            return "" if good else f"a number from 1 to {len(options)}, of the lines above; < goes back"

        return int(self.ask(question, str(default + 1), judge)) - 1

    def confirm(self, question: str, *, default: bool) -> bool:
        """Yes or no."""

        def judge(answer: str) -> str:
            return "" if answer.lower() in {"y", "n", "yes", "no"} else "y or n"

        return self.ask(f"{question} (y/n)", "y" if default else "n", judge).lower().startswith("y")


def _wrapped(line: str) -> list[str]:
    """Broken between words, the rest under the first word; a line of a picture stays whole."""
    if len(line) <= WIDTH or "  " in line.strip():
        return [line]
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(line, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)
