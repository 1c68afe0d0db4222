"""The NVIDIA cards of this machine, asked of the driver's own tool so that no library has to be loaded."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_SECONDS: Final = 5
_MIB: Final = 2**20
_QUERY: Final = "index,name,memory.total,memory.used,utilization.gpu,compute_cap,driver_version"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One card as its driver describes it now."""

    index: int
    name: str
    total: int
    """Bytes."""
    used: int
    """Bytes, by whatever runs there."""
    busy: int | None
    """Percent of the last moments; None where the driver does not tell."""
    capability: tuple[int, int] | None
    driver: str


@dataclass(frozen=True, slots=True)
class Driver:
    """What the driver's tool answers."""

    gpus: tuple[Gpu, ...]
    cuda: tuple[int, int] | None
    """The newest CUDA that the driver runs."""
    problem: str = ""
    """Why nothing is known; empty when something is."""


def find_gpus() -> tuple[Gpu, ...]:
    """The cards here; none where the driver does not answer."""
    return _ask_for_gpus()[0]


def find_driver() -> Driver:
    """Ask ``nvidia-smi`` for everything; a machine without a card is no error."""
    found, problem = _ask_for_gpus()
    if problem:
        return Driver((), None, problem)
    header, _ = _ask([])
    newest = re.search(r"CUDA (?:UMD )?Version:\s*(\d+)\.(\d+)", header)
    return Driver(found, (int(newest[1]), int(newest[2])) if newest else None)


def gpus(answer: str) -> Iterator[Gpu]:
    """The cards in the tool's answer, a line of comma-separated values each; lines that are none are passed over."""
    for line in answer.splitlines():
        values = [value.strip() for value in line.split(",")]
        if len(values) != len(_QUERY.split(",")) or not all(value.isdigit() for value in (values[0], *values[2:4])):
            continue
        index, name, total, used, busy, capability, driver = values
        parts = capability.split(".")
        yield Gpu(
            int(index),
            name,
            int(total) * _MIB,
            int(used) * _MIB,
            int(busy) if busy.isdigit() else None,
            (int(parts[0]), int(parts[1])) if len(parts) == 2 and all(map(str.isdigit, parts)) else None,
            driver,
        )


def _ask_for_gpus() -> tuple[tuple[Gpu, ...], str]:
    rows, problem = _ask([f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits"])
    return tuple(gpus(rows)), problem


def _ask(options: list[str]) -> tuple[str, str]:
    """The tool's standard output, and what went wrong."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return "", "nvidia-smi is not installed: no NVIDIA driver is seen here"
    try:
        done = subprocess.run([tool, *options], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "", f"nvidia-smi did not answer within {_SECONDS} s: the driver hangs"
    except OSError as error:
        return "", f"nvidia-smi cannot be run: {error.strerror}"
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        return "", f"nvidia-smi failed: {said[0] if said else f'exit code {done.returncode}'}"
    return done.stdout, ""
