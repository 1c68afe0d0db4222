"""``model.load_checkpoint``: weights to start from, and whether they fit what is trained."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from schemas.errors import EXIT_DATA, WizardError
from trainer.files.checkpoint import TRANSFORMER_PREFIX
from trainer.files.headers import Header, read_header
from trainer.preflight.facts import Facts, missing
from trainer.preflight.problem import Problem, error, from_error
from trainer.preflight.rules_targets import targeted

_FIELD: Final = "model.load_checkpoint"
PREFIXES: Final = {"lora": "lora_weights_step_", "full": "model_weights_step_"}
_STEP: Final = re.compile(r"step_(\d+)")
_KEY_PREFIXES: Final = ("base_model.model.", "model.diffusion_model.", "diffusion_model.", "transformer.")
_DOWN: Final = (".lora_A.weight", ".lora_A.default.weight", ".lora_down.weight")


def start_weights(facts: Facts) -> Iterator[Problem]:
    """The file is there (or a step file in the directory), and holds what this training mode starts from."""
    given = facts.config.model.load_checkpoint
    if given is None:
        return
    path, mode = Path(given), facts.config.model.training_mode
    found = missing(path, _FIELD)
    if found is not None:
        yield found
        return
    chosen = newest_step(path, PREFIXES[mode]) if path.is_dir() else path
    if chosen is None:
        yield error(
            "start-empty",
            _FIELD,
            f"{path} holds no {PREFIXES[mode]}*.safetensors",
            "name a file, or set it to null",
            exit_code=EXIT_DATA,
        )
    elif chosen.suffix != ".safetensors":
        yield error("start-suffix", _FIELD, f"{chosen} is no .safetensors file", "name a .safetensors file")
    else:
        try:
            header = read_header(chosen)
        except WizardError as fault:
            yield from_error(fault, "start-invalid", _FIELD)
            return
        yield from _lora(facts, header) if mode == "lora" else _full(facts, header)


def newest_step(directory: Path, prefix: str) -> Path | None:
    """The export of the highest step in a directory, or in its ``checkpoints``; None when there is none."""
    for folder in (directory, directory / "checkpoints"):
        steps = [
            (int(match[1]), file)
            for file in folder.glob(f"{prefix}*.safetensors")
            if (match := _STEP.search(file.stem))
        ]
        if steps:
            return max(steps)[1]
    return None


def _lora(facts: Facts, header: Header) -> Iterator[Problem]:
    adapters = _adapters(header)
    if not adapters:
        yield error(
            "start-not-a-lora",
            _FIELD,
            f"{header.path} holds no LoRA tensors",
            "name a LoRA file, or set it to null: the base model is model.model_path",
            exit_code=EXIT_DATA,
        )
        return
    lora, wanted = facts.config.lora, {module.name for module in targeted(facts)}
    ranks = sorted(set(adapters.values()))
    if lora is not None and ranks != [lora.rank]:
        shown = ", ".join(map(str, ranks))
        message = f"{header.path} has rank {shown}, lora.rank is {lora.rank}"
        yield error("start-rank", _FIELD, message, f"set lora.rank to {ranks[0]}", exit_code=EXIT_DATA)
    if wanted and adapters.keys() != wanted:
        only_file, only_run = len(adapters.keys() - wanted), len(wanted - adapters.keys())
        example = min(adapters.keys() ^ wanted)
        yield error(
            "start-modules",
            _FIELD,
            f"{header.path} adapts other modules than this run: {only_file} are not trained here, {only_run} are "
            f"not in it, for example {example}",
            "use the lora.target_modules it was made with",
            exit_code=EXIT_DATA,
        )


def _adapters(header: Header) -> dict[str, int]:
    """Official module name -> rank, for every adapter of a LoRA file."""
    found: dict[str, int] = {}
    for name, tensor in header.tensors.items():
        ending = next((ending for ending in _DOWN if name.endswith(ending)), None)
        if ending is not None and len(tensor.shape) == 2:
            module = name.removesuffix(ending)
            prefix = next((prefix for prefix in _KEY_PREFIXES if module.startswith(prefix)), "")
            found[module.removeprefix(prefix)] = tensor.shape[0]
    return found


def _full(facts: Facts, header: Header) -> Iterator[Problem]:
    checkpoint = facts.sound_checkpoint
    names = {name.removeprefix(TRANSFORMER_PREFIX): tensor.shape for name, tensor in header.tensors.items()}
    if any(".lora_" in name for name in names):
        yield error(
            "start-is-a-lora",
            _FIELD,
            f"{header.path} is a LoRA; full training starts from whole weights",
            "set model.training_mode to lora, or name model weights",
            exit_code=EXIT_DATA,
        )
    elif checkpoint is not None:
        expected = {name: tensor.shape for name, tensor in checkpoint.transformer_tensors.items()}
        unlike = [name for name, shape in expected.items() if names.get(name) != shape]
        if unlike:
            yield error(
                "start-modules",
                _FIELD,
                f"{header.path} lacks {len(unlike)} of the model's {len(expected)} tensors or has them in another "
                f"shape, for example {unlike[0]}",
                "use weights of the same base model",
                exit_code=EXIT_DATA,
            )
