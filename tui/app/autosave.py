"""Keeping what is being edited: every draft on the screens is written to the state directory soon after a change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tui.drafts import DraftStore

if TYPE_CHECKING:
    from textual.app import App

    from tui.forms.draft import Draft

EVERY: Final = 0.5
"""Seconds between two looks: a change is on disk in less than one."""


@dataclass(slots=True)
class Kept:
    """A draft and where it is kept; the object is held, so that no other draft can be taken for it."""

    draft: Draft
    file: Path
    data: object = None
    """The values that are on disk."""


class Autosave:
    """Looks at the drafts of an app's screens; a look without a change costs microseconds."""

    def __init__(self, app: App[int], store: DraftStore | None = None) -> None:
        self._app = app
        self._store = store or DraftStore()
        self._kept: list[Kept] = []

    def begin(self) -> None:
        """Look from now on."""
        self._app.set_interval(EVERY, self.look)

    def look(self) -> None:
        """Keep what has changed, forget what was saved. A draft whose screen is gone stays until it is forgotten."""
        for draft in _drafts(self._app):
            known = self._find(draft)
            if not _worth_keeping(draft):
                self.forget(draft)
            elif known is None or known.data is not draft.data:
                kept = known or Kept(draft, self._store.new_file())
                if known is None:
                    self._kept.append(kept)
                if self._store.keep(kept.file, draft):
                    kept.data = draft.data

    def settle(self) -> None:
        """Forget what was saved since the last look; the program ends."""
        for kept in list(self._kept):
            if not _worth_keeping(kept.draft):
                self.forget(kept.draft)

    def adopt(self, draft: Draft, file: Path) -> None:
        """A draft that came back from ``file`` is kept there from now on."""
        self._kept.append(Kept(draft, file))
        self.look()

    def forget(self, draft: Draft) -> None:
        """The draft was saved, or a person has said that it may go."""
        known = self._find(draft)
        if known is not None:
            self._kept.remove(known)
            self._store.drop(known.file)

    def _find(self, draft: Draft) -> Kept | None:
        return next((kept for kept in self._kept if kept.draft is draft), None)


def _drafts(app: App[int]) -> list[Draft]:
    found: list[Draft] = []
    for screen in app.screen_stack:
        draft = getattr(screen, "draft", None)
        if draft is not None and not any(draft is other for other in found):
            found.append(draft)
    return found


def _worth_keeping(draft: Draft) -> bool:
    """Something was changed, of a configuration of training: other forms are short."""
    from schemas.config import LtxTrainerConfig

    return draft.model is LtxTrainerConfig and draft.dirty and (draft.can_undo or draft.document is not None)
