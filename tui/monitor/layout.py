"""What the monitor shows at which size of the terminal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """Which parts there is room for."""

    strip: int
    """Lines of progress, speed and memory."""
    verdict: bool
    charts: int
    """How many; 0 hides them."""
    columns: int
    """Charts side by side."""
    panes: int
    """Height of the panes below the charts."""
    events: bool
    log: bool
    samples: bool
    keys: bool

    @classmethod
    def of(cls, width: int, height: int, pane: str) -> Layout:
        """The parts for a terminal of ``width`` x ``height`` while ``pane`` has the keys.

        40 x 12, a phone: one chart. 80 x 24: one chart and events. From 110 x 30 on several charts, and events, log
        and samples below them.
        """
        charts = pane == "charts"
        wide = width >= 110 and height >= 30
        columns = 3 if wide and width >= 150 else 2 if wide else 1
        below = charts and height >= 20
        narrow = height < 16 and not charts  # a phone: what was asked for comes before everything else
        return cls(
            strip=3 if height >= 16 else 2 if height >= 8 and not narrow else 1,
            verdict=height >= 9 and not narrow,
            charts=(columns * 2 if wide else 1) if charts and width >= 20 and height >= 6 else 0,
            columns=columns,
            panes=(max(9, height // 4) if wide else max(4, height // 5)) if below else 0,
            events=pane == "events" or below,
            log=pane == "log" or (charts and wide),
            samples=pane == "samples" or (charts and wide and width >= 150),
            keys=height >= 5,
        )
