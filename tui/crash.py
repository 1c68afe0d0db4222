"""What remains of an unexpected error: a report file that can be attached to a bug report."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

PACKAGES = ("ltx2-wizard", "textual", "click", "pydantic", "ruamel.yaml", "torch", "diffusers", "transformers", "peft")
SHOWN_ENVIRONMENT = ("TERM", "COLORTERM", "LANG", "LC_ALL", "NO_COLOR", "TEXTUAL_THEME", "CUDA_VISIBLE_DEVICES")


def write_report(error: BaseException, argv: list[str]) -> Path | None:
    """Write the report to the first folder that takes it; None when none does."""
    text = render_report(error, argv)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    for folder in _folders():
        path = folder / f"crash-{stamp}-{os.getpid()}.txt"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return path
    return None


def render_report(error: BaseException, argv: list[str]) -> str:
    """Time, command line, versions, the few harmless environment variables that matter, and the traceback."""
    lines = [
        f"time: {datetime.now(UTC).isoformat(timespec='seconds')}",
        f"argv: {argv!r}",
        f"cwd: {_working_directory()}",
        f"python: {sys.version}",
        f"platform: {platform.platform()}",
    ]
    lines += [f"{name}: {_version(name)}" for name in PACKAGES]
    lines += [f"{name}={os.environ[name]!r}" for name in SHOWN_ENVIRONMENT if name in os.environ]
    return "\n".join([*lines, "", *traceback.format_exception(error)])


def _folders() -> Iterator[Path]:
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    yield Path(cache) / "ltx2-wizard"
    yield Path()
    yield Path(tempfile.gettempdir())


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except OSError as error:
        return f"unknown ({error.strerror})"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
