from __future__ import annotations

from pathlib import Path

import pytest

from presets.gpus import find_driver, gpus
from tests.support.driver import write_driver

ROWS = """0, NVIDIA GeForce RTX 5090, 32607, 812, 37, 12.0, 570.86.10
1, NVIDIA A10, 23028, 0, [N/A], 8.6, 570.86.10
nonsense
2, Broken, [Unknown Error], 0, 0, 8.6, 1
"""


def test_cards_are_read_and_lines_that_are_none_passed_over() -> None:
    first, second = gpus(ROWS)
    assert (first.index, first.name, first.total, first.used) == (0, "NVIDIA GeForce RTX 5090", 32607 << 20, 812 << 20)
    assert (first.busy, first.capability, first.driver) == (37, (12, 0), "570.86.10")
    assert second.busy is None
    assert second.capability == (8, 6)


def test_no_driver_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_driver()
    assert found.gpus == ()
    assert "not installed" in found.problem


def test_the_driver_is_asked_for_its_cards_and_its_cuda(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_driver(tmp_path, (32607, "12.0", "NVIDIA GeForce RTX 5090"))
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_driver()
    assert [gpu.name for gpu in found.gpus] == ["NVIDIA GeForce RTX 5090"]
    assert found.cuda == (12, 8)
    assert not found.problem


def test_a_failing_driver_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'Failed to initialize NVML: Driver/library version mismatch'; exit 18\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "version mismatch" in find_driver().problem
