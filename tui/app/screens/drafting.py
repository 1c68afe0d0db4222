"""A screen on a draft: what saving, launching and rescuing need of it."""

from __future__ import annotations

from textual.screen import Screen

from tui.forms.draft import Draft
from tui.text import Line


class DraftScreen(Screen[str]):
    """Works on ``draft``, which other screens may share; dismissed with the path of a field to go to, or nothing.

    ``Saver(self)`` gives such a screen saving and launching.
    """

    field: str | None = None
    """The field to go to when the screen opens."""

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self.draft = draft

    @property
    def columns(self) -> int:
        """Cells across that are the screen's own; something may stand beside it."""
        return self.size.width

    def standing(self) -> Line:
        """Whether anything is wrong with the draft, in a few words."""
        count = len(self.draft.problems)
        return ((f"{count} {'error' if count == 1 else 'errors'}", "bad"),) if count else (("valid", "good"),)

    def draw_standing(self) -> None:
        """Say anew how the draft stands, where that is said."""

    def tell(self, notice: str) -> None:
        """Say something until the next change."""
        raise NotImplementedError

    def changed(self, path: str | None) -> None:
        """The draft has changed or was saved; ``path`` should be looked at, None: whatever was."""
        raise NotImplementedError

    def action_next_error(self) -> None:
        """Show the next problem."""
        raise NotImplementedError

    def discard(self) -> None:
        """The draft may go: it was saved, or a person has said so."""
        from tui.app.app import WizardApp

        if isinstance(self.app, WizardApp):
            self.app.autosave.forget(self.draft)
