from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from pathlib import Path

import pytest
from textual.dom import DOMNode
from textual.screen import Screen

import tui.app.screens
from tui.app.app import WizardApp
from tui.app.keys import KEYS, TITLES, keys_of
from tui.app.screens.help import help_lines
from tui.app.widgets.chartgrid import ChartGrid
from tui.app.widgets.keybar import fit_keys
from tui.app.widgets.logpane import LogPane
from tui.app.widgets.rows import RowList
from tui.app.widgets.samplepane import SamplePane
from tui.text import width_of

SOURCE = Path(tui.app.screens.__file__).parent.parent


def _screens() -> list[type[Screen[object]]]:
    found = []
    for module_info in pkgutil.iter_modules(tui.app.screens.__path__):
        module = importlib.import_module(f"tui.app.screens.{module_info.name}")
        found += [
            value
            for value in vars(module).values()
            if isinstance(value, type) and issubclass(value, Screen) and value.__module__ == module.__name__
        ]
    return found


def _owner(context: str) -> list[type[DOMNode]]:
    if context in ("app", "list"):
        return [WizardApp if context == "app" else RowList]
    if panes := [pane for pane in (ChartGrid, LogPane, SamplePane) if context == pane.CONTEXT]:
        return list(panes)
    return [
        screen
        for screen in _screens()
        if getattr(screen, "CONTEXTS", ("",))[0] == context and "BINDINGS" in vars(screen)
    ]


@pytest.mark.parametrize("context", TITLES)
def test_every_key_of_the_table_is_bound_to_something_that_exists(context: str) -> None:
    owners = _owner(context)
    assert owners, context
    for owner in owners:
        bound = {binding.id for binding in owner.BINDINGS if not isinstance(binding, tuple)}
        for key in keys_of(context):
            assert key.id in bound
            name = key.action.partition("(")[0]
            assert callable(getattr(owner, f"action_{name}", None)), f"{owner.__name__} has no action {name}"


def test_no_binding_is_declared_outside_the_table() -> None:
    for path in SOURCE.rglob("*.py"):
        if path.name not in ("keys.py", "typing.py"):
            assert "Binding(" not in path.read_text(), path


def test_ids_are_unique_and_no_key_means_two_things_in_one_place() -> None:
    assert [name for name, count in Counter(key.id for key in KEYS).items() if count > 1] == []
    for context in TITLES:
        pressed = Counter(name for key in keys_of(context) for name in key.keys.split(","))
        assert [name for name, count in pressed.items() if count > 1] == [], context


def test_help_mentions_every_key_of_its_contexts() -> None:
    text = "\n".join("".join(part for part, _ in line) for line in help_lines(("grid", "list", "app")))
    for key in keys_of("grid", "list", "app"):
        assert key.help in text
        assert key.display in text


@pytest.mark.parametrize("width", [1, 10, 40, 80, 200])
def test_the_footer_never_runs_over(width: int) -> None:
    always = [key for key in keys_of("app") if key.footer]
    line = fit_keys(keys_of("grid"), always, width)
    assert width_of(line) <= max(width, width_of(fit_keys([], always, width)))
