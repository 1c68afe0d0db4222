"""Dotted paths."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import ConfigError
from schemas.paths import MISSING, delete_in, format_path, get_in, join, parse_path, set_in

PARTS = st.lists(st.text("ab_c", min_size=1) | st.integers(0, 10**6), max_size=6).filter(
    lambda parts: not parts or isinstance(parts[0], str)
)


@settings(deadline=None)
@given(PARTS)
def test_spelling_and_reading(parts: list[str | int]) -> None:
    assert parse_path(format_path(parts)) == tuple(parts)


@pytest.mark.parametrize("path", [".", "a.", ".a", "a..b", "a[", "a[x]", "a[1]b", "a[-1]", "a.[1]", "a]"])
def test_malformed(path: str) -> None:
    with pytest.raises(ConfigError, match="is not a path"):
        parse_path(path)


def test_values() -> None:
    data: dict[str, Any] = {}
    set_in(data, parse_path("a.b[0].c"), 1)
    set_in(data, parse_path("a.b[1].c"), 2)
    set_in(data, parse_path("a.b[0].c"), 3)
    assert data == {"a": {"b": [{"c": 3}, {"c": 2}]}}
    assert get_in(data, parse_path("a.b[1].c")) == 2
    assert get_in(data, parse_path("a.x")) is MISSING
    assert get_in(data, ("a", "b", 5), None) is None
    assert get_in("text", (0,)) is MISSING
    assert delete_in(data, ("a", "b", 0))
    assert not delete_in(data, ("a", "b", 7))
    assert delete_in(data, ("a", "b"))
    assert data == {"a": {}}
    for path in ("a.b[3]", "a[0]"):
        with pytest.raises(ConfigError):
            set_in({"a": {"b": []}}, parse_path(path), 1)


def test_join() -> None:
    assert join("a", "b") == "a.b"
    assert join("a", "[0].b") == "a[0].b"
    assert join("", "b") == "b"
    assert join("a", "") == "a"
