"""Noise levels: the training samplers, from stored draws."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from tests.goldens.comparison import Comparison, compare, wanted
from trainer.objective.sigma import ShiftedLogitNormalSigma, SigmaDraws, UniformSigma, shift

_STRETCHED = re.compile(r"sampler/(\w+)\.f(32|64)\.n(\d+)")
_SHIFT = re.compile(r"sampler/mu\.n(\d+)")
_UNIFORM = re.compile(r"uniform/(\w+)")


def files(directory: Path) -> list[Path]:
    """The schedule file of a folder."""
    return sorted(directory.glob("schedules*.safetensors"))


def run(path: Path, only: str | None) -> Iterator[Comparison]:
    """Samplers in double and single precision, and the shift."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    settings = json.loads(metadata["sampler_settings"])
    uniform = {"default": {}, "alt": json.loads(metadata["uniform_alt"])}
    tensors = load_file(path)
    stored = [tensors[f"sampler/in.{name}"] for name in ("z", "u1", "u2")]
    for name, expected in tensors.items():
        case, _, tensor = name.partition("/")
        if not wanted(only, path, case, tensor):
            continue
        if match := _STRETCHED.fullmatch(name):
            dtype = torch.float64 if match[2] == "64" else torch.float32
            draws = SigmaDraws(*(draw.to(dtype) for draw in stored))
            actual = ShiftedLogitNormalSigma(**settings[match[1]])(draws, int(match[3]))
            yield compare(case, tensor, actual, expected, 1e-12 if match[2] == "64" else 2e-6)
        elif match := _SHIFT.fullmatch(name):
            yield compare(case, tensor, torch.tensor(shift(int(match[1])), dtype=torch.float64), expected, 1e-12)
        elif match := _UNIFORM.fullmatch(name):
            yield compare(case, tensor, UniformSigma(**uniform[match[1]])(SigmaDraws(*stored), 1), expected, 1e-12)
