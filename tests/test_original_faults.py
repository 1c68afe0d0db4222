"""The list of faults in ``docs/original-faults.md`` names tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs/original-faults.md").read_text(encoding="utf-8")
FAULTS = [f"B{number}" for number in (1, 3, 9, 10, 11, 12, 13, 14, 15, 17, 18, 21, 22, 23, 25, 34, 44, 45)]
ROWS = dict(re.findall(r"^\| (B\d+) \|(.*)$", TEXT, flags=re.MULTILINE))


def named(text: str) -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)


def test_every_fault_is_listed() -> None:
    assert list(ROWS) == FAULTS


@pytest.mark.parametrize("fault", [*FAULTS, "all"])
def test_the_tests_of_a_fault_are_there(fault: str) -> None:
    found = named(TEXT if fault == "all" else ROWS[fault])
    assert found
    for file, name in found:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"
