"""The card of this machine, as its driver's tool tells of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from presets.memory import GIB, Card
from presets.memory.card import card, card_bytes, card_of_size, host_memory
from tests.support.driver import write_driver, write_tool


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder where programs are looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_smallest_of_several(tool: Path) -> None:
    write_driver(tool, (81559, "9.0", "NVIDIA H100"), (24564, "8.9", "NVIDIA GeForce RTX 4090"))
    assert card() == Card("NVIDIA GeForce RTX 4090", 24564 * 2**20)
    assert card_bytes() == 24564 * 2**20


@pytest.mark.parametrize("text", ["", "N/A, broken", "no devices were found"])
def test_no_card(tool: Path, text: str) -> None:
    assert card() is None
    write_tool(tool, text)
    assert card() is None
    assert card_bytes() is None


def test_a_size_that_is_asked_about(tool: Path) -> None:
    assert card_of_size(24 * GIB) == Card("", 24 * GIB)
    write_driver(tool, (24564, "8.9", "NVIDIA Test"))
    assert card_of_size(24 * GIB) == Card("NVIDIA Test", 24 * GIB)
    assert card_of_size(48 * GIB) == Card("", 48 * GIB)


def test_this_machine_has_memory() -> None:
    found = host_memory()
    assert found is not None
    assert found > GIB // 4
