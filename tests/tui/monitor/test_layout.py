from __future__ import annotations

import itertools

import pytest

from tui.monitor.layout import Layout

PANES = ("charts", "events", "log", "samples")


@pytest.mark.parametrize(
    ("size", "charts", "others"),
    [((40, 12), 1, ()), ((80, 24), 1, ("events",)), ((120, 35), 4, ("events", "log")),
     ((160, 45), 6, ("events", "log", "samples"))],
)  # fmt: skip
def test_the_sizes_people_have(size: tuple[int, int], charts: int, others: tuple[str, ...]) -> None:
    layout = Layout.of(*size, "charts")
    assert layout.charts == charts
    assert tuple(name for name in ("events", "log", "samples") if getattr(layout, name)) == others
    assert layout.verdict
    assert layout.keys


def test_something_is_left_for_what_was_asked_for_at_every_size() -> None:
    for width, height, pane in itertools.product((1, 20, 40, 80, 160), (1, 5, 6, 8, 9, 12, 16, 20, 24, 45), PANES):
        layout = Layout.of(width, height, pane)
        taken = 1 + layout.strip + layout.verdict + layout.panes + layout.keys
        if height >= 6:
            assert height - taken >= 2, (width, height, pane)
        assert pane == "charts" or getattr(layout, pane)
