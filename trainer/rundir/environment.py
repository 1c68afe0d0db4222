"""What a run was started with, told in its first event: who wonders in a month finds it there."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from importlib import metadata
from typing import Any, Final

PACKAGES: Final = (
    "ltx2-wizard", "torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "optimum-quanto",
    "bitsandbytes",
)  # fmt: skip
VARIABLES: Final = (
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "OMP_NUM_THREADS",
    "HF_HUB_OFFLINE", "WANDB_MODE", "SLURM_JOB_ID",
)  # fmt: skip
"""Environment variables that change how a run behaves and hold no secret."""
HOOK_OPTION: Final = "--on-event"


def environment(gpus: Iterable[str] = ()) -> dict[str, Any]:
    """Versions, machine, ``gpus`` (names of the visible cards), variables and arguments of this process."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "gpus": list(gpus),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "argv": told_arguments(sys.argv),
        "cwd": _cwd(),
    }


def told_arguments(arguments: Sequence[str]) -> list[str]:
    """Arguments fit to be kept: what a hook is given may hold a token, so only its program is named."""
    told = list(arguments)
    for place, word in enumerate(told):
        if word == HOOK_OPTION and place + 1 < len(told):
            told[place + 1] = _program(told[place + 1])
        elif word.startswith(HOOK_OPTION + "="):
            told[place] = f"{HOOK_OPTION}={_program(word.partition('=')[2])}"
    return told


def _program(command: str) -> str:
    return f"{(command.split() or [''])[0]} ..."


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cwd() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - the same, and the folder may be gone
    except OSError:
        return ""
