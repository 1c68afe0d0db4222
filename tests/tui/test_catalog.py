from __future__ import annotations

import importlib
import pkgutil

import click
import pytest

import tui.commands
from tui.catalog import COMMANDS, module_of


def test_the_catalog_lists_exactly_the_commands_there_are() -> None:
    modules = {info.name for info in pkgutil.iter_modules(tui.commands.__path__) if not info.name.startswith("_")}
    assert {name.replace("-", "_") for name in COMMANDS} == modules


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_named_and_described_as_the_catalog_says(name: str) -> None:
    command = importlib.import_module(module_of(name)).command
    assert isinstance(command, click.Command)
    assert command.name == name
    assert (command.help or "").splitlines()[0] == COMMANDS[name]
