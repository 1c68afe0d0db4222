"""Whatever stands in a file: it is read exactly, or refused in one way, with line and column."""

from __future__ import annotations

import contextlib
import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import ConfigError
from schemas.nodes import parse
from schemas.reading import MAX_BYTES, decode


def read(raw: bytes) -> Any:
    node = parse(decode(raw))
    return node.data() if node else None


ALIAS_BOMB = b"a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + b"".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n".encode() for i in range(8)
)

BROKEN = {
    "duplicate key": (b"a: 1\nb:\n  c: 1\n  c: 2\n", 4, 3, "b.c", "second time"),
    "tab": (b"a:\n\tb: 1\n", 2, 1, None, "cannot start any token"),
    "alias bomb": (ALIAS_BOMB, 5, 16, "e[2]", "more than 20000 values"),
    "deep flow": (b"a: " + b"[" * 5000, 1, 35, "a" + "[0]" * 31, "nested deeper"),
    "deep flow, closed": (b"a: " + b"[" * 900 + b"]" * 900, 1, 35, "a" + "[0]" * 31, "nested deeper"),
    "deep blocks": (b"".join(b" " * i + b"a:\n" for i in range(900)), 33, 33, ".".join("a" * 32), "nested deeper"),
    "python tag": (b"a:\n  b: !!python/tuple [1, 2]\n", 2, 6, "a.b", "!!python/tuple"),
    "python object": (b"a: !!python/object/apply:os.system ['true']\n", 1, 4, "a", "tag"),
    "own tag": (b"a: !secret x\n", 1, 4, "a", "tag"),
    "huge number": (b"a: " + b"9" * 5000, 1, 4, "a", "too long"),
    "huge tagged number": (b"a: !!int '" + b"9" * 5000 + b"'", 1, 4, "a", "too long"),
    "alias of itself": (b"a: &a [*a]\n", 1, 8, "a[0]", "stands for nothing"),
    "merge key": (b"a: &a {b: 1}\nc:\n  <<: *a\n", 3, 3, "c", "merge"),
    "second document": (b"a: 1\n---\nb: 2\n", 2, 1, None, "second document"),
    "key of a list": (b"? [a]\n: 1\n", 1, 3, None, "must be text"),
    "key of a number": (b"1: 2\n", 1, 1, None, "must be text"),
    "colon in text": (b"a: b: c\n", 1, 5, None, "not allowed here"),
    "open bracket": (b"a: [1, 2\nb: 3\n", 2, 2, None, "expected"),
    "open quote": (b'a: "x\n', 2, 1, None, "unexpected end of stream"),
    "impossible character": (b'a: "\\UFFFFFFFF"\n', None, None, None, "not YAML"),
    "half a character": (b'a: "\\uD83D\\uDE00"\n', 1, 4, "a", "half of a character"),
    "not UTF-8": (b"a: 1\nb: \xff\n", 2, 4, None, "byte 0xff"),
    "UTF-16": ("a: 1\n".encode("utf-16"), 1, 1, None, "byte 0xff"),
    "NUL": (b"a: 1\nb: x\0y\n", 2, 5, None, "NUL"),
    "escape sequence": (b"a: \x1b[31mred\n", 1, 4, None, "U+001B"),
}


@pytest.mark.parametrize(("raw", "line", "column", "key", "words"), BROKEN.values(), ids=BROKEN)
def test_refused_with_its_place(raw: bytes, line: int | None, column: int | None, key: str | None, words: str) -> None:
    begin = time.process_time()
    with pytest.raises(ConfigError) as caught:
        read(raw)
    assert time.process_time() - begin < 5
    where = caught.value.where
    assert (where.line, where.column, where.key) == (line, column, key)
    assert words in str(caught.value)


def test_too_large() -> None:
    with pytest.raises(ConfigError, match="1 MiB"):
        read(b"a: 1\n" * MAX_BYTES)


YAML_1_2 = {
    "1e-4": 1e-4,
    "1.5E+3": 1500.0,
    ".5": 0.5,
    "5.": 5.0,
    "-0": 0,
    "010": 10,
    "0o10": 8,
    "0x1F": 31,
    "1_000": "1_000",
    "12:30:45": "12:30:45",
    "2024-01-01": "2024-01-01",
    "on": "on",
    "no": "no",
    "yes": "yes",
    "true": True,
    "FALSE": False,
    "~": None,
    "": None,
    "NULL": None,
    ".inf": math.inf,
    "-.INF": -math.inf,
    "'1'": "1",
    '"true"': "true",
    "!!str 5": "5",
    "!!int '5'": 5,
    "a b": "a b",
    "{a: 1, b: [x, 2.0]}": {"a": 1, "b": ["x", 2.0]},
    "[]": [],
}


@pytest.mark.parametrize(("text", "value"), YAML_1_2.items())
def test_yaml_1_2(text: str, value: Any) -> None:
    found = read(f"key: {text}\n".encode())["key"]
    assert found == value
    assert type(found) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(read(b"a: .nan")["a"])


def test_line_ends_byte_order_mark_and_aliases() -> None:
    assert read(b"\xef\xbb\xbfa: 1\r\nb:\r\n  - x\r\n") == {"a": 1, "b": ["x"]}
    assert read(b"a: &m [1, 2]\nb: *m\n") == {"a": [1, 2], "b": [1, 2]}
    assert read(b"") is None
    assert read(b"# only a comment\n") is None


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_values_or_a_config_error(raw: bytes) -> None:
    with contextlib.suppress(ConfigError):  # anything else would fail the test
        read(raw)


@settings(deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@#?,.~ \n\t09<", max_size=40))
def test_any_yaml_like_text_is_values_or_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        read(text.encode())
