"""LoRA files: the published form, and reading it back (others' files too).

A file holds ``diffusion_model.<official module>.lora_A.weight`` and ``.lora_B.weight``. Readers compute ``B @ A`` and
know neither rank nor alpha, so alpha / rank is multiplied into B on writing and taken out on reading.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from schemas.errors import CheckpointError
from trainer.model.lora import lora_scaling, lora_tensors, set_lora_tensors
from trainer.model.official import LORA_PREFIX, official_name

PREFIXES: Final = ("base_model.model.", LORA_PREFIX, "transformer.", "model.diffusion_model.")
ENDINGS: Final = {
    ".lora_A.weight": ".lora_A.weight",
    ".lora_B.weight": ".lora_B.weight",
    ".lora_A.default.weight": ".lora_A.weight",
    ".lora_B.default.weight": ".lora_B.weight",
    ".lora_down.weight": ".lora_A.weight",
    ".lora_up.weight": ".lora_B.weight",
    ".alpha": ".alpha",
}
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class LoraOrigin:
    """What a published LoRA says about itself."""

    rank: int
    alpha: int
    target_modules: tuple[str, ...]
    step: int
    base_fingerprint: str
    base_version: str
    """``model_version`` of the base checkpoint, empty when it has none."""
    config_fingerprint: str

    def metadata(self) -> dict[str, str]:
        """As strings for the file's header."""
        return {
            "format": "pt",
            "made_by": "ltx2-wizard",
            "lora_rank": str(self.rank),
            "lora_alpha": str(self.alpha),
            "lora_alpha_baked": "true",
            "target_modules": json.dumps(self.target_modules),
            "step": str(self.step),
            "base_model_fingerprint": self.base_fingerprint,
            "base_model_version": self.base_version,
            "config_fingerprint": self.config_fingerprint,
            "trigger": "",
        }


def published_tensors(
    transformer: nn.Module, dtype: torch.dtype, values: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """The adapters as readers expect them, on the CPU in ``dtype``: prefixed official names, alpha / rank inside B.

    ``values``, by the names of ``lora_tensors``, are published in the place of what the adapters hold.
    """
    scaling = lora_scaling(transformer)
    published = {}
    for name, parameter in (lora_tensors(transformer) if values is None else values).items():
        module, _, part = name.partition(".lora_")
        tensor = parameter.detach().to("cpu", torch.float32)
        if part.startswith("B"):
            tensor = tensor * scaling[module]
        published[LORA_PREFIX + name] = tensor.to(dtype).contiguous()
    return published


def load_lora(transformer: nn.Module, path: Path) -> int:
    """Fill the transformer's adapters from a LoRA file; returns how many tensors were matched.

    The adapters then compute what the file's do, whatever alpha either was made with. Every tensor of the file and
    every adapter must find its partner: anything else is a CheckpointError.
    """
    found = read_lora(path)
    own = lora_tensors(transformer)
    _demand_partners(path, own, found)
    scaling = lora_scaling(transformer)
    tensors = {}
    for name, tensor in found.items():
        if tensor.shape != own[name].shape:
            raise _misfit(path, name, tensor, own[name])
        module, _, part = name.partition(".lora_")
        tensors[name] = tensor / scaling[module] if part.startswith("B") else tensor
    set_lora_tensors(transformer, tensors)
    return len(tensors)


def read_lora(path: Path) -> dict[str, Tensor]:
    """Tensors of a LoRA file as fp32, by official name without prefix, scaled so that the change is ``B @ A``.

    Raises CheckpointError when the file is unreadable or holds anything that is no LoRA tensor.
    """
    raw: dict[str, Tensor] = {}
    strange: list[str] = []
    try:
        with safe_open(path, "pt") as file:
            for key in file.keys():  # noqa: SIM118 - not a mapping
                name = _plain_name(key)
                if name is None:
                    strange.append(key)
                else:
                    raw[name] = file.get_tensor(key).float()
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"cannot be read as safetensors: {error}", where=path) from error
    if strange or not raw:
        raise CheckpointError(
            f"holds {len(strange)} tensors that belong to no known kind of LoRA: {_some(strange)}"
            if strange
            else "holds no LoRA tensors",
            where=path,
            hint="name a LoRA file with lora_A / lora_B (or lora_down / lora_up) tensors of LTX-2",
        )
    return _scaled(raw)


def _plain_name(key: str) -> str | None:
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    for ending, plain in ENDINGS.items():
        if key.endswith(ending):
            return official_name(key.removesuffix(ending)) + plain
    return None


def _scaled(raw: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Multiply ``.alpha`` tensors, if there are any, into B."""
    tensors = {name: tensor for name, tensor in raw.items() if not name.endswith(".alpha")}
    for name, alpha in raw.items():
        if not name.endswith(".alpha"):
            continue
        b_name = name.removesuffix(".alpha") + ".lora_B.weight"
        if b_name in tensors:
            tensors[b_name] = tensors[b_name] * (float(alpha) / tensors[b_name].shape[1])
    return tensors


def _demand_partners(path: Path, own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    unknown = sorted(found.keys() - own.keys())
    missing = sorted(own.keys() - found.keys())
    if not unknown and not missing:
        return
    parts = []
    if unknown:
        parts.append(f"{len(unknown)} of its tensors fit no adapter of this run ({_some(unknown)})")
    if missing:
        parts.append(f"{len(missing)} adapters of this run are not in it ({_some(missing)})")
    raise CheckpointError(
        "; ".join(parts),
        where=path,
        why=f"{len(found.keys() & own.keys())} of {len(own)} tensors would be loaded, the rest would start from zero",
        hint="use the lora.target_modules and the modalities that the file was trained with",
    )


def _misfit(path: Path, name: str, tensor: Tensor, own: Tensor) -> CheckpointError:
    is_a = name.endswith(".lora_A.weight")
    rank, wanted = (tensor.shape[0], own.shape[0]) if is_a else (tensor.shape[1], own.shape[1])
    hint = f"set lora.rank to {rank}" if rank != wanted else "the file was trained on another model"
    return CheckpointError(f"{name} is {list(tensor.shape)}, this run needs {list(own.shape)}", where=path, hint=hint)


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
