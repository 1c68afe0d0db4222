"""Plain YAML scalars: what they mean (YAML 1.2 core schema) and how values are written.

What is written reads the same under YAML 1.1 loaders such as PyYAML: text they would take for a boolean, a number or
a date is quoted, and exponents get a dot.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import PurePath
from typing import Any, Final

INT: Final = re.compile(r"[-+]?[0-9]+")
_OTHER_INT: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE: Final = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_NAN: Final = re.compile(r"\.(nan|NaN|NAN)")
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_RESERVED: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
MAX_DIGITS: Final = 20
"""Longest whole number read: two more digits than 64 bits need."""


def read_plain(text: str) -> Any:
    """The value of an unquoted scalar; raises ValueError for a number too long to be meant."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if INT.fullmatch(text) or _OTHER_INT.fullmatch(text):
        if len(text) > MAX_DIGITS + 1:
            raise ValueError(f"a whole number of {len(text)} characters")
        return int(text, 10 if INT.fullmatch(text) else 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if match := _INFINITE.fullmatch(text):
        return -math.inf if match[1] == "-" else math.inf
    return math.nan if _NAN.fullmatch(text) else text


def write_scalar(value: Any, *, plain: bool = False) -> str:
    """One line of YAML for a scalar; ``plain`` leaves out quotes where text cannot be misread.

    Raises TypeError for a value that is not a scalar and ValueError for text that no file can hold.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _write_float(value)
    if isinstance(value, PurePath):
        value = str(value)
    if not isinstance(value, str):
        raise TypeError(f"not a scalar: {type(value).__name__}")
    if plain and _WORD.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    return _quote(value)


def _write_float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    mantissa, exponent, power = text.partition("e")
    return f"{mantissa}.0e{power}" if exponent and "." not in mantissa else text


def _quote(text: str) -> str:
    text.encode()  # a lone surrogate raises here, not half-way through writing a file
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(character if _printable(character) else _escape(character) for character in quoted)


def _printable(character: str) -> bool:
    code = ord(character)
    return 0x20 <= code < 0x7F or (0xA0 <= code < 0xFFFE and code not in (0x2028, 0x2029, 0xFEFF)) or code > 0xFFFF


def _escape(character: str) -> str:
    return f"\\u{ord(character):04x}"
