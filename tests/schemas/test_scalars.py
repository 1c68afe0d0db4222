"""Scalars read back as themselves."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.scalars import read_plain, write_scalar


@settings(deadline=None)
@given(st.floats(allow_nan=False) | st.integers(-(10**19), 10**19) | st.booleans() | st.none())
def test_numbers(value: float | int | bool | None) -> None:
    found = read_plain(write_scalar(value))
    assert found == value
    assert type(found) is type(value)


def test_special_numbers() -> None:
    assert write_scalar(1e-5) == "1.0e-05"
    assert write_scalar(0.0001) == "0.0001"
    assert math.isnan(read_plain(write_scalar(math.nan)))
    assert read_plain(write_scalar(-math.inf)) == -math.inf
    with pytest.raises(ValueError, match="30 characters"):
        read_plain("1" * 30)


def test_text() -> None:
    assert write_scalar("lora") == '"lora"'
    assert write_scalar("lora", plain=True) == "lora"
    for word in ("no", "Null", "TRUE", "on", "1a", "", "a b", "-"):
        assert write_scalar(word, plain=True) == f'"{word}"'
    assert write_scalar(Path("a/b")) == '"a/b"'
    assert write_scalar("\x85\u2028\ufeff\x1b") == '"\\u0085\\u2028\\ufeff\\u001b"'
    with pytest.raises(UnicodeEncodeError):
        write_scalar("\ud800")
    with pytest.raises(TypeError):
        write_scalar(object())
