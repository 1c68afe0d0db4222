"""Gemma 3 as text encoder: all hidden states of a prompt, nothing else of the model.

Only the language part of the directory is built and read; a vision tower in the files is left alone. Prompts are
padded on the left to a fixed length, as the connectors were trained on.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import init_empty_weights
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, Gemma3TextModel

from schemas.errors import CheckpointError, EnvironmentFault, UsageError
from trainer.files.checkpoint import ModelFiles, read_text_encoder
from trainer.files.headers import read_header
from trainer.model.reading import Address, Component, Place, fill

MAX_TOKENS: Final = 1024
"""Length every prompt is padded or cut to."""
_INT8_THRESHOLD: Final = 6.0
"""Activations beyond this stay in fp16 (LLM.int8() outlier threshold)."""
_LANGUAGE_PREFIXES: Final = ("language_model.model.", "model.language_model.", "model.")
"""Google's files, files written by newer transformers, and a text-only model."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids and mask ``[B, S]`` int64 (1 = valid), padded on the left; ``cut`` lists the shortened prompts."""

    ids_BS: Tensor
    mask_BS: Tensor
    cut: tuple[int, ...]


class TextEncoder:
    """A loaded language model with its tokenizer."""

    def __init__(self, model: nn.Module, tokenizer: Any, *, max_length: int, where: Path) -> None:
        for token in ("bos_token_id", "pad_token_id"):
            if getattr(tokenizer, token) is None:
                raise CheckpointError(f"its tokenizer has no {token}", where=where)
        self.model, self.tokenizer, self.max_length = model, tokenizer, max_length

    def tokenize(self, prompts: Sequence[str]) -> Tokens:
        """Stripped, with a beginning-of-text token and no end, at most ``max_length`` long, padded on the left."""
        rows, masks, cut = [], [], []
        for index, prompt in enumerate(prompts):
            ids = list(self.tokenizer(prompt.strip())["input_ids"])
            if not ids or ids[0] != self.tokenizer.bos_token_id:
                ids.insert(0, self.tokenizer.bos_token_id)
            if len(ids) > self.max_length:
                cut.append(index)
                _log.warning(
                    "prompt of %d tokens cut to %d; what comes after '...%s' is not read",
                    len(ids),
                    self.max_length,
                    self.tokenizer.decode(ids[self.max_length - 8 : self.max_length]),
                )
                ids = ids[: self.max_length]
            padding = self.max_length - len(ids)
            rows.append([self.tokenizer.pad_token_id] * padding + ids)
            masks.append([0] * padding + [1] * len(ids))
        return Tokens(torch.tensor(rows), torch.tensor(masks), tuple(cut))

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Hidden states ``[B, S, D, L]`` (the embedding's, then every layer's) and mask ``[B, S]`` int64."""
        if not prompts:
            raise ValueError("there is no prompt to encode")
        tokens = self.tokenize(prompts)
        device = next(self.model.parameters()).device
        ids_BS, mask_BS = tokens.ids_BS.to(device), tokens.mask_BS.to(device)
        output = self.model(input_ids=ids_BS, attention_mask=mask_BS, output_hidden_states=True, use_cache=False)
        return torch.stack(output.hidden_states, dim=-1), mask_BS


def load_text_encoder(
    files: ModelFiles,
    *,
    dtype: torch.dtype = torch.bfloat16,
    device: torch.device | str = "cpu",
    in_8bit: bool = False,
    max_length: int = MAX_TOKENS,
) -> TextEncoder:
    """The language model of a Gemma 3 directory.

    ``in_8bit`` halves its memory with bitsandbytes and needs a CUDA device. Raises UsageError without a path,
    CheckpointError for a directory that does not hold a whole Gemma 3 or for a packed Gemma 4 file.
    """
    directory = _gemma3_directory(files)
    if in_8bit:
        _check_8bit(device)
    # A directory with a broken or foreign config is refused before: what is left is read as it stands.
    config = AutoConfig.from_pretrained(directory, local_files_only=True)
    config = getattr(config, "text_config", config)
    config.use_cache = False
    with init_empty_weights(include_buffers=False):
        model = Gemma3TextModel(config)
    place = _as_8bit(model, device) if in_8bit else None
    fill(model, _component(directory), _shards(directory), dtype=dtype, device=device, place=place)
    model.to(device)
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    return TextEncoder(model, tokenizer, max_length=max_length, where=directory)


def _gemma3_directory(files: ModelFiles) -> Path:
    if files.text_encoder is None:
        raise UsageError(
            "no text encoder is configured",
            where="model.text_encoder_path",
            why="prompts cannot be turned into what the model reads",
            hint="set it to the Gemma folder (2.0, 2.3)",
        )
    info = read_text_encoder(files.text_encoder)
    if files.text_encoder_kind == "packed":
        raise CheckpointError(
            "reading a packed text encoder (LTX-2.5) is not supported yet",
            where=files.text_encoder,
            why=f"it holds {info.model_type}, and this version encodes prompts with Gemma 3 directories only",
            hint="train on features prepared elsewhere and leave validation prompts out, or use a 2.0 or 2.3 model",
        )
    if not re.fullmatch(r"gemma3(_text)?", info.model_type):
        raise CheckpointError(
            f"is {info.model_type}, not Gemma 3", where=files.text_encoder, hint="use the Gemma 3 12B folder"
        )
    return files.text_encoder


def _shards(directory: Path) -> tuple[Path, ...]:
    index = directory / "model.safetensors.index.json"
    if index.is_file():
        names = sorted(set(json.loads(index.read_bytes())["weight_map"].values()))
        return tuple(directory / name for name in names)
    return tuple(sorted(directory.glob("*.safetensors")))


def _component(directory: Path) -> Component:
    keys = {name for path in _shards(directory) for name in read_header(path).tensors}
    prefix = next((prefix for prefix in _LANGUAGE_PREFIXES if prefix + "embed_tokens.weight" in keys), None)
    if prefix is None:
        raise CheckpointError(
            "no language model is in its weights (embed_tokens.weight is missing)",
            where=directory,
            hint="download the whole folder of the text encoder",
        )
    return Component("text encoder", lambda name: Address(prefix + name), owns=lambda key: key.startswith(prefix))


def _check_8bit(device: torch.device | str) -> None:
    if torch.device(device).type != "cuda" or not torch.cuda.is_available():
        raise EnvironmentFault(
            "the text encoder cannot run in 8 bit here",
            where="acceleration.load_text_encoder_in_8bit",
            why="bitsandbytes' 8-bit layers need a CUDA device",
            hint="set it to false; the text encoder then takes about 24 GB",
        )


def _as_8bit(model: nn.Module, device: torch.device | str) -> Place:
    """Swap the linear layers for 8-bit ones and answer the place that rounds their weights one by one."""
    from bitsandbytes.nn import Int8Params, Linear8bitLt

    # It would say for every layer of every prompt that it computes in fp16, which is what 8 bit means here.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    for name in linear:
        parent, _, child = name.rpartition(".")
        old = model.get_submodule(name)
        with torch.device("meta"):
            new = Linear8bitLt(
                old.in_features,
                old.out_features,
                bias=old.bias is not None,
                has_fp16_weights=False,
                threshold=_INT8_THRESHOLD,
            )
        setattr(model.get_submodule(parent), child, new)
    weights = {f"{name}.weight" for name in linear}

    def place(name: str, stored: Tensor) -> Tensor | None:
        if name not in weights:
            return None
        # Moving to the device is what rounds.
        return Int8Params(stored.to(torch.float16), requires_grad=False, has_fp16_weights=False).to(device)

    return place
