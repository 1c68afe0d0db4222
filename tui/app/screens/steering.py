"""Commands that a viewer leaves for the trainer, and the trainer's answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from textual.screen import Screen

from schemas.errors import UsageError, WizardError
from trainer.rundir.control import parse_command, send
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.value import ValueScreen
from tui.charts.ticks import short
from tui.monitor.model import Note
from tui.monitor.watch import RunWatch

ACTIVE: Final = frozenset({"running", "paused", "stalled", "waiting"})
PATIENCE_SECONDS: Final = 30.0
"""A command is read between micro-steps; after so long without an answer that is said."""


class SteeringScreen(Screen[None]):
    """What every command has in common. ``tell`` shows a few words in the title."""

    def __init__(self, watch: RunWatch) -> None:
        super().__init__()
        self.watch_run = watch
        self.notice = ""
        self._sent: dict[str, tuple[str, float]] = {}
        """Commands without an answer: id to words and time."""
        self._answered: set[str] | None = None
        """Answers that were seen; None before the first look, when all of them are old."""

    def draw(self) -> None:
        """Bring the screen up to date."""
        raise NotImplementedError

    def tell(self, words: str) -> None:
        """Show a few words until the next ones."""
        self.notice = words
        self.draw()

    def take_answers(self, notes: Iterable[Note]) -> None:
        """An answer takes the place of the word that a command was sent, whoever sent it."""
        answers = [note for note in notes if note.kind == "control"]
        known, self._answered = self._answered, {note.id for note in answers}
        for note in answers:
            self._sent.pop(note.id, None)
        if known is not None and (fresh := [note for note in answers if note.id not in known]):
            self.notice = fresh[-1].text
            return
        late = [words for words, sent in self._sent.values() if time.monotonic() - sent > PATIENCE_SECONDS]
        if late:
            self.notice = f"{late[-1]}: no answer yet; the trainer answers between steps"

    def command(self, verb: str, argument: object = None) -> None:
        """Leave a command for the trainer, if there is one."""
        if self.watch_run.state not in ACTIVE:
            self.tell(f"{verb}: nobody is there, the run is {self.watch_run.state}")
            return
        words = verb if argument is None else f"{verb} {argument}"
        try:
            identity = send(self.watch_run.run, verb, argument)
        except WizardError as error:
            self.tell(error.message)
            return
        self._sent[identity] = (words, time.monotonic())
        self.tell(f"{words} sent")

    def action_pause(self) -> None:
        with self.watch_run.looking():
            paused = self.watch_run.view.paused
        self.command("resume" if paused or self.watch_run.state == "paused" else "pause")

    def action_checkpoint(self) -> None:
        self.command("checkpoint")

    def action_validate(self) -> None:
        self.command("validate")

    def action_stop(self) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self.command("stop")

        if self.watch_run.state not in ACTIVE:
            self.tell(f"nothing to stop: the run is {self.watch_run.state}")
            return
        question = "Stop this run?"
        details = ("The trainer finishes its step, saves, and ends.", "`train` continues it later from there.")
        self.app.push_screen(ConfirmScreen(question, *details), answered)

    def action_learning_rate(self) -> None:
        with self.watch_run.looking():
            now = self.watch_run.view.latest.get("lr")
        hint = "the schedule starts from it anew; above 0, at most 1, for example 5e-5"
        self._ask("Learning rate", short(now) if now is not None else "", hint, "lr")

    def action_interval(self) -> None:
        with self.watch_run.looking():
            every = self.watch_run.checkpoint_interval
        hint = "checkpoint or validation, and after how many steps each"
        self._ask("Interval", f"checkpoint {every or 250}", hint, "interval")

    def _ask(self, title: str, text: str, hint: str, verb: str) -> None:
        def answered(given: str | None) -> None:
            if given is not None:
                self.command(verb, given.strip())

        if self.watch_run.state not in ACTIVE:
            self.tell(f"{verb}: nobody is there, the run is {self.watch_run.state}")
            return
        self.app.push_screen(ValueScreen(title, text, hint=hint, judge=_fault(verb), strict=True), answered)


def _fault(verb: str) -> Callable[[str], str]:
    """What is wrong with an argument, in words."""

    def judge(text: str) -> str:
        try:
            parse_command(verb, text.strip())
        except UsageError as error:
            return error.message
        return ""

    return judge
