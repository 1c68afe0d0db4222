"""Keeping the memory estimate beside the draft, worked out in a thread after every change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from tui.app.background import in_background
from tui.app.present import after_refresh, present

if TYPE_CHECKING:
    from tui.forms.fit import Fit


class Weigher:
    """Knows what the last valid draft needs of the card; ``told`` is called whenever that is known anew."""

    def __init__(self, screen: Screen[Any], told: Callable[[], None], *, vram: float | None = None) -> None:
        """``vram`` is the card's memory in GB; without it the card of this machine counts."""
        self._screen = screen
        self._told = told
        self._card = None if vram is None else int(vram * 2**30)
        self._card_known = vram is not None
        self._data: dict[str, Any] | None = None
        self.fit: Fit | None = None

    def look(self, data: dict[str, Any]) -> None:
        """Weigh ``data`` unless it is what was weighed last."""
        if self._data is data:
            return
        self._data = data
        after_refresh(self._screen, self._start, data)

    def _start(self, data: dict[str, Any]) -> None:
        """Behind the paint: what this loads and works out must not hold up what was asked for."""
        if data is self._data:
            self._screen.run_worker(self._work(data), exclusive=True, group="weigh")

    async def _work(self, data: dict[str, Any]) -> None:
        fit = await in_background(lambda: self._weigh(data))
        if present(self._screen) and data is self._data:
            self.fit = fit
            self._told()

    def _weigh(self, data: dict[str, Any]) -> Fit | None:
        from presets.memory.card import card_bytes
        from tui.forms.fit import memory_fit

        if not self._card_known:
            self._card, self._card_known = card_bytes(), True
        return memory_fit(data, self._card)
