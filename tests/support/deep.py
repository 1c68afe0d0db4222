"""A tiny checkpoint with more layers than two, for whatever concerns the order of blocks."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open

from trainer.model.io import write_safetensors

GOLDEN = Path(__file__).parents[1] / "golden"
_PREFIX = "model.diffusion_model.transformer_blocks."


def write_deep(path: Path, layers: int, version: str = "2.3") -> Path:
    """The tiny checkpoint of a release, its blocks repeated with other numbers until there are ``layers``."""
    generator = torch.Generator().manual_seed(layers)
    with safe_open(str(GOLDEN / f"ltx{version}_tiny_checkpoint.safetensors"), framework="pt") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    config = json.loads(metadata["config"])
    known = config["transformer"]["num_layers"]
    config["transformer"]["num_layers"] = layers
    own = {name: tensor for name, tensor in tensors.items() if name.startswith(_PREFIX)}
    for index in range(known, layers):
        for name, tensor in own.items():
            number, _, rest = name.removeprefix(_PREFIX).partition(".")
            if int(number) == index % known:
                noise = torch.randn(tensor.shape, generator=generator)
                tensors[f"{_PREFIX}{index}.{rest}"] = (tensor.float() * (1 + 0.2 * noise)).to(tensor.dtype)
    write_safetensors(path, tensors, {**metadata, "config": json.dumps(config)})
    return path
