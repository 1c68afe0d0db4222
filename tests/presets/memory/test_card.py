"""The card of this machine, as its driver's tool tells of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from presets.memory import GIB, Card
from presets.memory.card import card, card_bytes, card_of_size, host_memory

Answer = Callable[[str], None]


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answer:
    monkeypatch.setenv("PATH", str(tmp_path))

    def says(text: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\nprintf '{text}'\n", "utf-8")
        tool.chmod(0o755)

    return says


def test_the_smallest_of_several(answer: Answer) -> None:
    answer("81559, NVIDIA H100\\n24564, NVIDIA GeForce RTX 4090\\n")
    assert card() == Card("NVIDIA GeForce RTX 4090", 24564 * 2**20)
    assert card_bytes() == 24564 * 2**20


@pytest.mark.parametrize("text", ["", "N/A, broken\\n", "no devices were found\\n"])
def test_no_card(answer: Answer, text: str) -> None:
    assert card() is None
    answer(text)
    assert card() is None
    assert card_bytes() is None


def test_a_size_that_is_asked_about(answer: Answer) -> None:
    assert card_of_size(24 * GIB) == Card("", 24 * GIB)
    answer("24564, NVIDIA Test\\n")
    assert card_of_size(24 * GIB) == Card("NVIDIA Test", 24 * GIB)
    assert card_of_size(48 * GIB) == Card("", 48 * GIB)


def test_this_machine_has_memory() -> None:
    found = host_memory()
    assert found is not None
    assert found > GIB // 4
