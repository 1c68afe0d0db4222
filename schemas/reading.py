"""From a file to text: size, encoding and control characters, each fault with its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from schemas.errors import ConfigError, Location

MAX_BYTES: Final = 1 << 20
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def read_text(path: Path) -> str:
    """Text of a configuration file; raises ConfigError when it cannot be one."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)  # a device has no size and no end
    except FileNotFoundError as error:
        raise ConfigError("there is no such file", where=path, hint="check the path") from error
    except IsADirectoryError as error:
        raise ConfigError("this is a directory", where=path, hint="give the file in it") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read: {error}", where=path, hint="check the path and its permissions") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError("larger than 1 MiB", where=path, hint="this is no configuration file")
    return decode(raw, path)


def decode(raw: bytes, path: Path | None = None) -> str:
    """UTF-8, with or without a byte order mark; line ends become plain."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        where = Location(path, line, error.start - (before.rfind(b"\n") + 1) + 1)
        hint = "save the file as UTF-8"
        raise ConfigError(f"not UTF-8: byte 0x{raw[error.start]:02x}", where=where, hint=hint) from error
    return clean(text, path)


def clean(text: str, path: Path | None = None) -> str:
    """The same text with plain line ends; raises ConfigError for characters YAML forbids."""
    if len(text) > MAX_BYTES:
        raise ConfigError("larger than 1 MiB", where=Location(path), hint="this is no configuration file")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    found = _FORBIDDEN.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        column = found.start() - (text.rfind("\n", 0, found.start()) + 1) + 1
        name = "a NUL character" if found.group() == "\0" else f"the control character U+{ord(found.group()):04X}"
        raise ConfigError(f"{name} cannot stand in YAML", where=Location(path, line, column), hint="delete it")
    return text
