"""LoRA adapters on the transformer: where they go, how they start, and their tensors by official name."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast

import torch
from peft import LoraConfig as PeftLoraConfig
from peft import inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from schemas.errors import ConfigError
from trainer.model.official import diffusers_name, official_name
from trainer.seeds import generator

ADAPTER: Final = "default"
WHERE: Final = "lora.target_modules"


class LoraSettings(Protocol):
    """The ``lora`` section of the configuration."""

    @property
    def rank(self) -> int: ...
    @property
    def alpha(self) -> int: ...
    @property
    def dropout(self) -> float: ...
    @property
    def target_modules(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class LoraReport:
    """What was adapted."""

    modules: tuple[str, ...]
    """Official names, in the order of the network."""
    parameters: int
    """Trainable numbers."""


def find_targets(patterns: Sequence[str], modules: Iterable[str]) -> tuple[str, ...]:
    """Modules whose official name is a pattern or ends in one at a dot: ``to_k``, ``attn1.to_k``.

    Raises ConfigError naming every pattern that matches nothing, with the closest endings there are.
    """
    names = tuple(modules)
    hits = {pattern: [name for name in names if _matches(name, pattern)] for pattern in patterns}
    missing = [pattern for pattern, found in hits.items() if not found]
    if missing:
        lines = [f"{pattern!r} (close: {', '.join(_close(pattern, names)) or 'nothing'})" for pattern in missing]
        raise ConfigError(
            f"no module of this model matches {'; '.join(lines)}",
            where=WHERE,
            why="a pattern that matches nothing trains less than it says",
            hint="correct or remove it; a modality that is not trained has no modules in memory",
        )
    wanted = {name for found in hits.values() for name in found}
    return tuple(name for name in names if name in wanted)


def linear_modules(transformer: nn.Module) -> tuple[str, ...]:
    """Official names of all linear modules, in the order of the network."""
    return tuple(official_name(name) for name, module in transformer.named_modules() if isinstance(module, nn.Linear))


def add_lora(transformer: nn.Module, settings: LoraSettings, seed: int) -> LoraReport:
    """Freeze the transformer and put fp32 adapters beside the targeted linear modules.

    A starts from the usual Kaiming-uniform draw, keyed on ``seed`` and the module's name, so that it depends neither
    on the other targets nor on what was drawn before; B starts at zero. Raises ConfigError for patterns without a
    match.
    """
    targets = find_targets(settings.target_modules, linear_modules(transformer))
    transformer.requires_grad_(False)
    inject_adapter_in_model(
        PeftLoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            lora_dropout=settings.dropout,
            target_modules=[diffusers_name(name) for name in targets],
        ),
        transformer,
        ADAPTER,
    )
    layers = lora_layers(transformer)
    assert tuple(layers) == targets, "PEFT adapted other modules than asked"
    for name, layer in layers.items():
        _start(layer, name, seed)
    count = sum(parameter.numel() for parameter in lora_tensors(transformer).values())
    return LoraReport(targets, count)


def lora_layers(transformer: nn.Module) -> dict[str, LoraLayer]:
    """Adapted modules by official name."""
    return {
        official_name(name): module for name, module in transformer.named_modules() if isinstance(module, LoraLayer)
    }


def lora_tensors(transformer: nn.Module) -> dict[str, nn.Parameter]:
    """Trainable tensors by official name: ``X.lora_A.weight`` ``[rank, in]``, ``X.lora_B.weight`` ``[out, rank]``.

    B is as trained: not scaled by alpha / rank.
    """
    found: dict[str, nn.Parameter] = {}
    for name, layer in lora_layers(transformer).items():
        found[f"{name}.lora_A.weight"] = layer.lora_A[ADAPTER].weight
        found[f"{name}.lora_B.weight"] = layer.lora_B[ADAPTER].weight
    return found


def lora_scaling(transformer: nn.Module) -> dict[str, float]:
    """alpha / rank of each adapted module."""
    return {name: float(layer.scaling[ADAPTER]) for name, layer in lora_layers(transformer).items()}


def set_lora_tensors(transformer: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Overwrite the adapters; keys and shapes must be those of lora_tensors (a caller's bug otherwise)."""
    own = lora_tensors(transformer)
    assert own.keys() == tensors.keys()
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(tensors[name])


def enable_lora(transformer: nn.Module, enabled: bool) -> None:
    """Switch all adapters on or off; off, the model is the base model."""
    for layer in lora_layers(transformer).values():
        layer.enable_adapters(enabled)


def _start(layer: LoraLayer, name: str, seed: int) -> None:
    for part in (layer.lora_A[ADAPTER], layer.lora_B[ADAPTER]):
        part.to(torch.float32)
    a_RI = torch.empty(layer.lora_A[ADAPTER].weight.shape)
    nn.init.kaiming_uniform_(a_RI, a=math.sqrt(5), generator=generator(seed, "lora_A", name))
    with torch.no_grad():
        cast("nn.Parameter", layer.lora_A[ADAPTER].weight).copy_(a_RI)
        cast("nn.Parameter", layer.lora_B[ADAPTER].weight).zero_()


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or name.endswith("." + pattern)


def _close(pattern: str, names: Sequence[str]) -> list[str]:
    """Endings of as many parts as the pattern has that look like it."""
    parts = pattern.count(".") + 1
    endings = sorted({".".join(name.split(".")[-parts:]) for name in names})
    return difflib.get_close_matches(pattern, endings, n=3, cutoff=0.4)
