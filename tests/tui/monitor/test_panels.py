from __future__ import annotations

from tui.monitor.model import RunView
from tui.monitor.panels import KNOWN, curves_of, panels_of


def test_panels_come_in_the_order_of_interest_and_strangers_at_the_end() -> None:
    names = {"zeta", "lr", "loss", "alpha", "loss/audio", "validation_loss", "memory_total", "loss/odd/sigma_9"}
    titles = [panel.title for panel in panels_of(names)]
    assert titles == ["loss", "loss by modality", "learning rate", "alpha", "zeta"]
    assert panels_of(names)[0].metrics == ("loss", "validation_loss")


def test_without_metrics_there_is_still_a_chart_to_wait_for() -> None:
    assert [panel.title for panel in panels_of([])] == ["loss"]


def test_a_hostile_name_cannot_command_the_terminal() -> None:
    (panel,) = panels_of(["\x1b[2J" + "x" * 500])
    assert "\x1b" not in panel.title
    assert len(panel.title) <= 60


def test_curves_of_a_panel_differ_by_colour_and_letter() -> None:
    view = RunView()
    names = [metric for panel in KNOWN for metric in panel.metrics]
    view.take([{"type": "metric", "t": 1.0, "step": 1, "metrics": dict.fromkeys(names, 1.0)}])
    for panel in panels_of(view.series):
        curves = curves_of(panel, view.series)
        assert len({curve.style for curve in curves}) == len(curves), panel.title
        assert len({curve.mark for curve in curves}) == len(curves), panel.title
