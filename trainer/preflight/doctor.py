"""What this machine has and lacks for training. Nothing heavy is loaded."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil
from packaging.requirements import Requirement
from packaging.version import Version

from presets.gpus import Driver, Gpu, find_driver

State = Literal["ok", "warn", "bad"]
DISTRIBUTION: Final = "ltx2-wizard"
SMALLEST_CARD: Final = 16
"""GB of the smallest tier."""
BF16_SINCE: Final = (8, 0)
FP8_SINCE: Final = (8, 9)
_GIB: Final = 2**30
_ROOM_FOR_RUNS: Final = 20 * _GIB
_SHARED: Final = _GIB
_OPEN_FILES: Final = 1024
_HOST: Final = 32 * _GIB
"""Gemma in bf16 is 24 GB, the transformer's largest tensors and the program come on top."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    topic: str
    state: State
    words: str
    """What is there."""
    hint: str = ""
    """What to do about it."""


def examine(folder: Path) -> tuple[Finding, ...]:
    """Look at everything; ``folder`` is where runs would be written."""
    driver = find_driver()
    return (
        *_python(),
        *_cards(driver),
        *torch_build(driver, _torch_cuda()),
        *_host_memory(),
        *_disk(folder),
        *_tools(),
    )


def worst(findings: tuple[Finding, ...]) -> State:
    """The state of the whole."""
    states: tuple[State, ...] = ("bad", "warn")
    return next((state for state in states if any(found.state == state for found in findings)), "ok")


# -------------------------------------------------------------------- libraries


def _python() -> Iterator[Finding]:
    yield Finding("Python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    try:
        wanted = importlib.metadata.requires(DISTRIBUTION) or []
        version = importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        yield Finding("Libraries", "warn", f"{DISTRIBUTION} is not installed as a package", "run pip install -e .")
        return
    yield from libraries([Requirement(text) for text in wanted], version)


def libraries(wanted: list[Requirement], version: str) -> Iterator[Finding]:
    """Whether what is installed is what the project asks for."""
    count = 0
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        count += 1
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("Libraries", "bad", f"{requirement.name} is missing", f"pip install '{requirement}'")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            words = f"{requirement.name} {found} is here, {requirement.specifier} is needed"
            yield Finding("Libraries", "bad", words, f"pip install '{requirement}'")
    yield Finding("Libraries", "ok", f"{DISTRIBUTION} {version}, {count} libraries looked at")


def _torch_cuda() -> str | None:
    """The CUDA that torch was built for, read from its version file; empty for a CPU build, None without torch."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    try:
        text = (Path(spec.origin).parent / "version.py").read_text()
    except OSError:
        return None
    found = re.search(r"^cuda\b[^=]*=\s*'([\d.]+)'", text, re.MULTILINE)
    return found[1] if found else ""


def torch_build(driver: Driver, cuda: str | None) -> Iterator[Finding]:
    """Whether torch and the driver go together."""
    if cuda is None:
        return
    if not cuda:
        state: State = "bad" if driver.gpus else "warn"
        hint = "install a CUDA build of torch to train on the card" if driver.gpus else ""
        yield Finding("torch", state, "built without CUDA: it computes on the CPU only", hint)
        return
    if driver.cuda is not None and Version(cuda).release[0] > driver.cuda[0]:
        words = f"built for CUDA {cuda}, the driver runs CUDA {driver.cuda[0]}.{driver.cuda[1]} at most"
        yield Finding("torch", "bad", words, "update the driver, or install torch for an older CUDA")
        return
    yield Finding("torch", "ok", f"built for CUDA {cuda}")


# -------------------------------------------------------------------- hardware


def _cards(driver: Driver) -> Iterator[Finding]:
    if not driver.gpus:
        words = driver.problem or "the driver knows of no card"
        yield Finding("GPU", "warn", words, "configure here and train elsewhere, or train the tiny demo on the CPU")
    for gpu in driver.gpus:
        yield from card(gpu)


def card(gpu: Gpu) -> Iterator[Finding]:
    """What one card is good for."""
    total, used = gpu.total / _GIB, gpu.used / _GIB
    words = f"{gpu.index}: {gpu.name}, {total:.0f} GB ({used:.1f} GB in use), driver {gpu.driver}"
    if round(total) < SMALLEST_CARD:
        yield Finding("GPU", "bad", words, f"the smallest tier is for {SMALLEST_CARD} GB")
    elif gpu.used > gpu.total // 10:
        yield Finding("GPU", "warn", words, "another program holds memory on this card: see nvidia-smi")
    else:
        yield Finding("GPU", "ok", words)
    if gpu.capability is not None and gpu.capability < BF16_SINCE:
        name = f"compute capability {gpu.capability[0]}.{gpu.capability[1]}"
        yield Finding("GPU", "warn", f"{name}: bf16 is imitated and slow", "a card of the Ampere generation or newer")
    elif gpu.capability is not None and gpu.capability < FP8_SINCE:
        yield Finding("GPU", "ok", "bf16 is native, fp8 only a storage format here")


def _host_memory() -> Iterator[Finding]:
    memory = psutil.virtual_memory()
    words = f"{memory.total / _GIB:.0f} GB, {memory.available / _GIB:.0f} GB free"
    if memory.total < _HOST:
        hint = "stream the text encoder (acceleration.stream_text_encoder), and swap few blocks"
        yield Finding("Host memory", "warn", words, hint)
    else:
        yield Finding("Host memory", "ok", words)


def _disk(folder: Path) -> Iterator[Finding]:
    for topic, place, needed in (("Disk", folder, _ROOM_FOR_RUNS), ("Temporary files", Path(tempfile.gettempdir()), 0)):
        yield free_space(topic, place, needed)
    shared = Path("/dev/shm")  # noqa: S108 - this is where data loaders hand over their batches
    if shared.is_dir():
        yield free_space("Shared memory", shared, _SHARED)


def free_space(topic: str, folder: Path, needed: int) -> Finding:
    """How much may be written below a folder that need not exist yet."""
    place = next((one for one in (folder, *folder.absolute().parents) if one.is_dir()), Path("/"))
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Finding(topic, "bad", f"{place}: {error.strerror}", "choose another folder")
    words = f"{free / _GIB:.1f} GB free in {place}"
    if not os.access(place, os.W_OK):
        return Finding(topic, "bad", f"{place} cannot be written", "choose another folder")
    if free < needed:
        return Finding(topic, "warn", words, f"{needed / _GIB:.0f} GB or more are advisable")
    return Finding(topic, "ok", words)


# -------------------------------------------------------------------- tools


def _tools() -> Iterator[Finding]:
    yield _compiler()
    yield _media()
    yield _open_files()


def _compiler() -> Finding:
    found = next((name for name in ("c++", "g++", "clang++") if shutil.which(name)), None)
    if found is None:
        hint = "needed once for int4 and int2 weights on a CPU; install g++"
        return Finding("C++ compiler", "warn", "none", hint)
    return Finding("C++ compiler", "ok", found)


def _media() -> Finding:
    import av

    encoder = next((name for name in ("libx264", "h264") if name in av.codecs_available), None)
    if encoder is None:
        return Finding(
            "Media", "warn", f"PyAV {av.__version__} has no H.264 encoder", "samples need another PyAV build"
        )
    return Finding("Media", "ok", f"PyAV {av.__version__} with H.264")


def _open_files() -> Finding:
    try:
        import resource
    except ImportError:
        return Finding("Open files", "ok", "no limit is known")
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if 0 < soft < _OPEN_FILES:
        return Finding("Open files", "warn", f"at most {soft} at a time", "raise it: ulimit -n 4096")
    return Finding("Open files", "ok", f"at most {soft} at a time" if soft > 0 else "unlimited")
