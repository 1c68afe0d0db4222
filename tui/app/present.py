"""Whether a screen is still there for what comes late: the answer of a worker, a callback behind the next paint."""

from __future__ import annotations

from collections.abc import Callable

from textual.widget import Widget


def present(widget: Widget) -> bool:
    """True from the moment a widget is composed until its screen is dismissed or starts to be taken apart.

    Textual's ``is_mounted`` stays true for ever, and a screen outlives its children for a moment.
    """
    whole = widget.is_mounted and widget.is_attached and not widget._pruning
    return whole and widget.screen in widget.app.screen_stack


def after_refresh(widget: Widget, callback: Callable[..., object], *args: object) -> None:
    """Call behind the next paint, which may be that of the screen below when this one is gone: then not at all."""
    widget.call_after_refresh(lambda: callback(*args) if present(widget) else None)
