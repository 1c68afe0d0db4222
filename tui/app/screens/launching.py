"""From the guide to a running trainer: look, check, save, start, watch. Errors are listed, each with its place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import WizardError
from tui.app.present import present
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.gate import GateScreen
from tui.app.screens.report import ReportScreen
from tui.app.screens.saving import Saver
from tui.guide.guide import look
from tui.guide.steps import Obstacle, obstacles, refuse, step_of
from tui.recent import recent

if TYPE_CHECKING:
    from tui.app.screens.guided import Guided
    from tui.checking import Checked


class Launcher:
    """One attempt to start a training."""

    def __init__(self, screen: Guided) -> None:
        self._screen = screen
        self._draft = screen.draft

    def launch(self) -> None:
        """Check in a thread, then ask."""
        screen, guide = self._screen, self._screen.guide
        screen.tell("checking files and data ...")
        guide.forget()
        paths, question = guide.stale()

        def work() -> None:
            found = look(paths, question)
            guide.take(*found)
            in_the_way = obstacles(guide)
            checked = None if in_the_way else self._check()
            if isinstance(checked, tuple):
                in_the_way, checked = checked, None
            screen.call_later(self._looked, in_the_way, checked)

        screen.run_worker(work, thread=True, exclusive=True, group="check")

    def _check(self) -> Checked | tuple[Obstacle, ...]:
        from tui.checking import check_data

        try:
            checked = check_data(self._draft.data, self._draft.path)
        except WizardError as error:
            return (Obstacle("review", "", error.message, error.hint),)
        errors = [problem for problem in checked.report.problems if problem.severity == "error"]
        return tuple(_obstacle(one.path, one.message, one.hint) for one in errors) or checked

    def _looked(self, in_the_way: tuple[Obstacle, ...], checked: Checked | None) -> None:
        screen = self._screen
        if not present(screen):
            return
        refuse(screen.guide, in_the_way)
        screen.tell("")
        screen.show_rail()
        screen.show_facts()
        if checked is None:
            screen.app.push_screen(GateScreen(in_the_way), self._mend)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._save(checked)

        lines = [*checked.lines()][:8]
        screen.app.push_screen(ConfirmScreen("Start training?", *lines, f"into {checked.config.output_dir}"), answered)

    def _mend(self, chosen: Obstacle | None) -> None:
        if chosen is not None:
            self._screen.action_go(chosen.step, chosen.path or None)

    def _save(self, checked: Checked) -> None:
        """A file that nobody here has seen is asked about first, also when nothing was changed here."""
        draft = self._draft
        if draft.dirty or draft.path is None or draft.newer_on_disk(draft.path):
            Saver(self._screen).save(lambda: self._start(checked))
        else:
            self._start(checked)

    def _start(self, checked: Checked) -> None:
        from trainer.rundir.layout import RunDirectory
        from tui.app.screens.monitor import MonitorScreen
        from tui.launch import start_trainer, trainer_command

        path = self._draft.path
        assert path is not None
        run = RunDirectory(Path(checked.config.output_dir))
        try:
            process = start_trainer(trainer_command(path, resume="auto", processes=1), run)
        except WizardError as error:
            self._screen.app.push_screen(ReportScreen("Training cannot start", str(error).splitlines()))
            return
        recent().remember("runs", run.path)
        self._screen.app.push_screen(MonitorScreen(run.path, ended=process.poll))


def _obstacle(path: str | None, message: str, hint: str) -> Obstacle:
    return Obstacle(step_of(path or "").id, path or "", message, hint)
