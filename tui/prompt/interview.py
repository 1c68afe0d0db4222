"""The whole interview: every question, going back, and the file at the end."""

from __future__ import annotations

import shlex
from pathlib import Path

from schemas.errors import EXIT_OK, EXIT_USAGE, WizardError
from tui.guide.guide import Guide, look
from tui.guide.steps import INDEX, STEPS, obstacles
from tui.prompt.console import Back, Console
from tui.prompt.questions import Question, judge_name, questions
from tui.recent import recent

PROGRAM = "ltx2-wizard"


def interview(guide: Guide, console: Console | None = None, *, goal: bool = True, card: bool = True) -> int:
    """Ask everything, write the file, say how to train with it; returns the exit code.

    Raises UsageError when the input ends too early.
    """
    console = console or Console()
    asked: list[Question] = [*questions(goal=goal, card=card), _review, _save]
    index = 0
    while index < len(asked):
        try:
            asked[index](console, guide)
            index += 1
        except Back:
            index = _before(asked, index)
    path = guide.draft.path
    if path is None or guide.draft.dirty:
        return EXIT_USAGE
    recent().remember("configs", path)
    console.say("", "Check it:  " + _command("check", path), "Train:     " + _command("train", path))
    return EXIT_OK


def _before(asked: list[Question], index: int) -> int:
    """The question before this one; headings ask nothing and are passed over."""
    index -= 1
    while index > 0 and asked[index].__qualname__.startswith("_heading"):
        index -= 1
    return max(0, index)


def _command(verb: str, path: Path) -> str:
    return shlex.join([PROGRAM, verb, str(path)])


def _review(console: Console, guide: Guide) -> None:
    """How far every step is, and what is in the way of training."""
    guide.take(*look(*guide.stale()))
    guide.visited.update(INDEX)
    console.head("Review")
    for step in STEPS[:-1]:
        state = step.state(guide)
        console.say(f"  {state.mark:<6} {step.title:<16} {state.words}")
    found = obstacles(guide)
    if found:
        console.say("Before training, mend:")
        console.say(*(f"  {one.path or STEPS[INDEX[one.step]].title}: {one.message}" for one in found))


def _save(console: Console, guide: Guide) -> None:
    draft = guide.draft
    default = str(draft.path or f"{draft.preset or 'config'}.yaml")
    while True:
        path = Path(console.ask("Save as", default, judge_name)).expanduser()
        if draft.newer_on_disk(path) and not console.confirm(f"{path} exists. Replace it?", default=False):
            continue
        try:
            draft.save(path)
        except WizardError as error:
            console.say(*(f"  ! {line}" for line in str(error).splitlines()))
            continue
        console.say(f"wrote {path}")
        return
