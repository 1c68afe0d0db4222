"""Commands from outside, obeyed between micro-steps and answered by events."""

from __future__ import annotations

from dataclasses import dataclass, field

from trainer.loop.lr import LearningRate
from trainer.rundir import Command, ControlInbox, EventLog, Interval


@dataclass
class Desk:
    """Takes commands in and remembers what the loop still has to do.

    ``lr`` and ``interval`` act at once, ``pause`` and ``stop`` at the end of the step, ``checkpoint`` and ``validate``
    when done: that is when each is answered.
    """

    inbox: ControlInbox
    events: EventLog
    learning_rate: LearningRate
    checkpoint_interval: int | None
    validation_interval: int | None
    can_validate: bool
    stop: Command | None = None
    paused: bool = False
    due: list[Command] = field(default_factory=list)
    """``checkpoint`` and ``validate`` commands not yet carried out."""

    def poll(self) -> None:
        """Take every waiting command."""
        for command in self.inbox.take():
            if command.problem:
                self.answer(command, "error", command.problem)
            else:
                self._obey(command)

    def take_due(self, verb: str) -> list[Command]:
        """Commands of one verb that are now to be carried out."""
        chosen = [command for command in self.due if command.verb == verb]
        self.due = [command for command in self.due if command.verb != verb]
        return chosen

    def answer(self, command: Command, result: str, message: str) -> None:
        """Tell what became of a command: ``ok`` or ``error``."""
        _tell(self.events, command, result, message)

    def _obey(self, command: Command) -> None:
        match command.verb, command.arg:
            case "stop", _:
                self.stop = command
                self.paused = False
                self.answer(command, "ok", "stopping after this step, with a save")
            case "pause", _:
                self.paused = True
                self.answer(command, "ok", "pausing after this step")
            case "resume", _:
                message = "going on" if self.paused else "was not paused"
                self.paused = False
                self.answer(command, "ok", message)
            case "validate", _ if not self.can_validate:
                self.answer(command, "error", "this run has no validation samples")
            case "checkpoint" | "validate", _:
                self.due.append(command)
            case "lr", float(value):
                self.learning_rate.base = value
                self.answer(command, "ok", f"the schedule now starts from {value:g}")
            case "interval", Interval(which, steps):
                self._set_interval(which, steps)
                self.answer(command, "ok", f"{which} every {steps} steps")

    def _set_interval(self, which: str, steps: int) -> None:
        if which == "checkpoint":
            self.checkpoint_interval = steps
        else:
            self.validation_interval = steps


def answer_unobeyed(inbox: ControlInbox, events: EventLog) -> None:
    """The run ends before it trains: take the commands that wait, so that the next run does not obey them."""
    for command in inbox.take():
        stopped = command.verb == "stop" and not command.problem
        message = "stopped before training began" if stopped else command.problem or "the run ended before it trained"
        _tell(events, command, "ok" if stopped else "error", message)


def _tell(events: EventLog, command: Command, result: str, message: str) -> None:
    arg = command.arg
    plain = [arg.which, arg.steps] if isinstance(arg, Interval) else arg
    events.append("control", id=command.id, verb=command.verb, arg=plain, by=command.by, result=result, message=message)
