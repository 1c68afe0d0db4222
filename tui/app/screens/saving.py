"""Saving and launching from the wizard: never over a file nobody here has seen, never with errors unseen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import ConfigError, WizardError
from tui.app.present import present
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.report import ReportScreen
from tui.app.screens.value import ValueScreen
from tui.recent import recent

if TYPE_CHECKING:
    from tui.app.screens.drafting import DraftScreen
    from tui.checking import Checked


class Saver:
    """What a screen does with its draft once it is good, or good enough."""

    def __init__(self, screen: DraftScreen) -> None:
        self._screen = screen

    def save(self, then: Callable[[], None] | None = None) -> None:
        """Ask for what is missing, write, and go on with ``then``."""
        path = self._screen.draft.path
        if path is None:
            self.save_as(then)
        else:
            self._guarded(path, then)

    def launch(self) -> None:
        """Save if needed, check, start the trainer, watch it."""
        draft = self._screen.draft
        if draft.problems:
            self._screen.action_next_error()
            self._screen.tell(f"not yet: {len(draft.problems)} to mend first")
            return
        if draft.dirty or draft.path is None:
            self.save(self._check)
        else:
            self._check()

    # ---------------------------------------------------------------- saving

    def save_as(self, then: Callable[[], None] | None = None) -> None:
        """Ask for a name and write there; from then on that is the file."""

        def entered(text: str | None) -> None:
            if text and text.strip():
                self._in_folder(Path(text.strip()).expanduser(), then)

        draft = self._screen.draft
        name = str(draft.path or f"{draft.preset or 'config'}.yaml")
        self._screen.app.push_screen(ValueScreen("Save as", name, judge=_judge_name, base=Path()), entered)

    def _in_folder(self, path: Path, then: Callable[[], None] | None) -> None:
        """A folder that is not there is made only when that is wanted."""
        folder = path.absolute().parent
        if folder.is_dir():
            self._guarded(path, then)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._guarded(path, then)

        self._screen.app.push_screen(ConfirmScreen(f"Make the folder {folder}?", "It does not exist yet."), answered)

    def _guarded(self, path: Path, then: Callable[[], None] | None) -> None:
        draft = self._screen.draft
        if not draft.newer_on_disk(path):
            self._write(path, then)
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._write(path, then)

        own = draft.path is not None and path.absolute() == draft.path.absolute() and draft.seen_mtime is not None
        what = "It was changed by someone else since it was read here." if own else "It exists already."
        self._screen.app.push_screen(ConfirmScreen(f"Replace {path}?", what), answered)

    def _write(self, path: Path, then: Callable[[], None] | None) -> None:
        draft = self._screen.draft
        try:
            draft.save(path)
        except ConfigError as error:
            self._offer_rewrite(path, error, then)
            return
        except WizardError as error:
            self._screen.app.push_screen(ReportScreen("Not saved", str(error).splitlines()))
            return
        recent().remember("configs", path)
        count = len(draft.problems)
        self._screen.changed(None)
        self._screen.tell(f"saved with {count} {'error' if count == 1 else 'errors'}" if count else "saved")
        if then is not None:
            then()

    def _offer_rewrite(self, path: Path, error: ConfigError, then: Callable[[], None] | None) -> None:
        """A text whose writing (aliases, say) does not let a value be changed in place can be written anew."""

        def answered(yes: bool | None) -> None:
            if yes:
                self._screen.draft.document = None
                self._write(path, then)

        if self._screen.draft.document is None:
            self._screen.app.push_screen(ReportScreen("Not saved", str(error).splitlines()))
            return
        question = "Write the whole file anew? Your own comments would be lost."
        self._screen.app.push_screen(ConfirmScreen(question, *str(error).splitlines()), answered)

    # ---------------------------------------------------------------- launching

    def _check(self) -> None:
        path = self._screen.draft.path
        assert path is not None
        self._screen.tell("checking files and data ...")
        screen = self._screen

        def work() -> None:
            from tui.checking import check_file

            try:
                checked = check_file(path)
            except WizardError as error:
                lines = str(error).splitlines()
                screen.call_later(self._refused, lines)
                return
            screen.call_later(self._checked, path, checked)

        screen.run_worker(work, thread=True, exclusive=True, group="check")

    def _refused(self, lines: list[str]) -> None:
        if not present(self._screen):
            return
        self._screen.tell("")
        self._screen.app.push_screen(ReportScreen("Training cannot start", lines))

    def _checked(self, path: Path, checked: Checked) -> None:
        if not present(self._screen):
            return
        lines = list(checked.lines())
        if not checked.report.ok:
            self._refused(lines)
            return
        self._screen.tell("")

        def answered(yes: bool | None) -> None:
            if yes:
                self._start(path, checked)

        self._screen.app.push_screen(
            ConfirmScreen("Start training?", *lines[:8], str(checked.config.output_dir)), answered
        )

    def _start(self, path: Path, checked: Checked) -> None:
        from trainer.rundir.layout import RunDirectory
        from tui.app.screens.monitor import MonitorScreen
        from tui.launch import start_trainer, trainer_command

        run = RunDirectory(Path(checked.config.output_dir))
        try:
            process = start_trainer(trainer_command(path, resume="auto", processes=1), run)
        except WizardError as error:
            self._refused(str(error).splitlines())
            return
        recent().remember("runs", run.path)
        self._screen.app.push_screen(MonitorScreen(run.path, ended=process.poll))


def _judge_name(text: str) -> str:
    path = Path(text.strip()).expanduser()
    if not text.strip():
        return "a name is needed"
    if path.is_dir():
        return "this is a directory"
    if not path.absolute().parent.is_dir():
        return f"the folder {path.absolute().parent} does not exist yet"
    return "" if path.suffix in (".yaml", ".yml") else "usually ends in .yaml"
