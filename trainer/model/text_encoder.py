"""Gemma 3 as text encoder: all hidden states of a prompt, nothing else of the model.

Only the language part of the directory is built and read; a vision tower in the files is left alone. Prompts are
padded on the left to a fixed length, as the connectors were trained on. ``open_text_encoder`` is how the rest of the
trainer gets one: it decides whether the weights stand on the device or pass through it layer by layer.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from accelerate import init_empty_weights
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, Gemma3TextModel

from schemas.errors import CheckpointError, UsageError
from trainer.files.checkpoint import ModelFiles, read_text_encoder
from trainer.files.headers import read_header
from trainer.model.reading import Address, Component, fill
from trainer.model.streaming import Source, StreamedModel, Tell
from trainer.model.text_8bit import as_8bit, check_8bit
from trainer.model.text_residence import WHOLE, Residence, choose, free_bytes, size_of

MAX_TOKENS: Final = 1024
"""Length every prompt is padded or cut to."""
_LANGUAGE_PREFIXES: Final = ("language_model.model.", "model.language_model.", "model.")
"""Google's files, files written by newer transformers, and a text-only model."""
_AT_ONCE: Final = 32
"""Prompts that go through the streamed model together at most: their states and masks take 12 MB each on a card."""
_HOST_SHARE: Final = 0.25
"""Of the host's free memory, for the states kept meanwhile."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids and mask ``[B, S]`` int64 (1 = valid), padded on the left; ``cut`` lists the shortened prompts."""

    ids_BS: Tensor
    mask_BS: Tensor
    cut: tuple[int, ...]


class TextEncoder:
    """A loaded language model with its tokenizer."""

    def __init__(
        self, model: nn.Module | StreamedModel, tokenizer: Any, *, max_length: int, where: Path, residence: Residence
    ) -> None:
        for token in ("bos_token_id", "pad_token_id"):
            if getattr(tokenizer, token) is None:
                raise CheckpointError(f"its tokenizer has no {token}", where=where)
        self.model, self.tokenizer, self.max_length = model, tokenizer, max_length
        self.residence = residence
        """Where the weights are, and why not where they were wished."""

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

    def each(self, prompts: Sequence[str], tell: Tell | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """One prompt after the other, in order: hidden states ``[1, S, D, L]`` on the device, mask ``[1, S]`` int64.

        Hand over all prompts at once: streamed, as many go through the model together as the host has room to keep
        the states of (0.4 GB each with the 12B model). ``tell`` hears how far a pass is.
        """
        if not isinstance(self.model, StreamedModel):
            yield from (self.encode([prompt]) for prompt in prompts)
            return
        device = self.model.device
        for start, together in _passes(len(prompts), self.model.kept_bytes(self.max_length)):
            tokens = self.tokenize(prompts[start : start + together])
            which = f"prompts {start + 1} to {start + together} of {len(prompts)}"
            found = self.model.states(tokens.ids_BS, tokens.mask_BS, partial(_told, tell, which))
            for mask_S in tokens.mask_BS:
                states = [one.to(device) for one in found.pop(0)]
                yield torch.stack(states, dim=-1), mask_S[None].to(device)

    @torch.no_grad()
    def encode(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Hidden states ``[B, S, D, L]`` (the embedding's, then every layer's) and mask ``[B, S]`` int64."""
        if not prompts:
            raise ValueError("there is no prompt to encode")
        if isinstance(self.model, StreamedModel):
            states, masks = zip(*self.each(prompts), strict=True)
            return torch.cat(states), torch.cat(masks)
        tokens = self.tokenize(prompts)
        device = next(self.model.parameters()).device
        ids_BS, mask_BS = tokens.ids_BS.to(device), tokens.mask_BS.to(device)
        output = self.model(input_ids=ids_BS, attention_mask=mask_BS, output_hidden_states=True, use_cache=False)
        return torch.stack(output.hidden_states, dim=-1), mask_BS


def _told(tell: Tell | None, which: str, layer: str) -> None:
    if tell is not None:
        tell(f"{layer}, {which}")


def _passes(prompts: int, each: int) -> Iterator[tuple[int, int]]:
    """Where each pass begins and how many prompts it takes."""
    together = max(1, min(_AT_ONCE, int(free_bytes(torch.device("cpu")) * _HOST_SHARE) // each))
    for start in range(0, prompts, together):
        yield start, min(together, prompts - start)


def open_text_encoder(
    files: ModelFiles,
    device: torch.device | str,
    *,
    in_8bit: bool = False,
    streamed: bool = False,
    dtype: torch.dtype = torch.bfloat16,
    beside: int = 0,
    max_length: int = MAX_TOKENS,
) -> TextEncoder:
    """The text encoder the way this device can hold it; ``residence`` of the answer says which way that is.

    Streamed when asked, and when it does not fit the free memory next to ``beside`` bytes of something else. In eight
    bits when asked and the device is CUDA. Else whole, in ``dtype``: bf16, as the model is published and as captions
    are prepared, unless a run computes in fp32. Raises as :func:`load_text_encoder` does.
    """
    device = torch.device(device)
    directory = _gemma3_directory(files)
    tensors = {name: info for path in _shards(directory) for name, info in read_header(path).tensors.items()}
    size = size_of(tensors, _prefix(tensors, directory), _config(directory).num_hidden_layers, max_length)
    residence = choose(
        size,
        device,
        in_8bit=in_8bit,
        streamed=streamed,
        itemsize=dtype.itemsize,
        beside=beside,
        free=free_bytes(device),
    )
    return load_text_encoder(files, dtype=dtype, device=device, residence=residence, max_length=max_length)


def load_text_encoder(
    files: ModelFiles,
    *,
    dtype: torch.dtype = torch.bfloat16,
    device: torch.device | str = "cpu",
    residence: Residence = WHOLE,
    max_length: int = MAX_TOKENS,
) -> TextEncoder:
    """The language model of a Gemma 3 directory, held as ``residence`` says, whether it fits or not.

    Raises UsageError without a path, CheckpointError for a directory that does not hold a whole Gemma 3 or for a
    packed Gemma 4 file, EnvironmentFault for eight bits without a CUDA device.
    """
    directory = _gemma3_directory(files)
    if residence.kind == "8bit":
        check_8bit(device)
    with init_empty_weights(include_buffers=False):
        model: Any = Gemma3TextModel(_config(directory))
    component, shards = _component(directory), _shards(directory)
    if residence.kind == "streamed":
        # Compares everything with the headers and reads nothing.
        fill(model, component, shards, dtype=dtype, device="meta")
        model = StreamedModel(model, _sources(model, component, shards), dtype=dtype, device=device)
    else:
        place = as_8bit(model, device) if residence.kind == "8bit" else None
        fill(model, component, shards, dtype=dtype, device=device, place=place)
        model.to(device)
    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True)
    return TextEncoder(model, tokenizer, max_length=max_length, where=directory, residence=residence)


def _config(directory: Path) -> Any:
    # A directory with a broken or foreign config is refused before: what is left is read as it stands.
    config = AutoConfig.from_pretrained(directory, local_files_only=True)
    config = getattr(config, "text_config", config)
    config.use_cache = False
    return config


def _sources(model: nn.Module, component: Component, shards: Sequence[Path]) -> dict[str, Source]:
    """Where each parameter lies; the first file that holds it wins, as everywhere."""
    found: dict[str, Source] = {}
    for path in shards:
        for key, info in read_header(path).tensors.items():
            found.setdefault(key, (path, info))
    return {name: found[component.address(name).key] for name, _ in model.named_parameters()}


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
    prefix = _prefix({name for path in _shards(directory) for name in read_header(path).tensors}, directory)
    return Component("text encoder", lambda name: Address(prefix + name), owns=lambda key: key.startswith(prefix))


def _prefix(keys: Collection[str], directory: Path) -> str:
    prefix = next((prefix for prefix in _LANGUAGE_PREFIXES if prefix + "embed_tokens.weight" in keys), None)
    if prefix is None:
        raise CheckpointError(
            "no language model is in its weights (embed_tokens.weight is missing)",
            where=directory,
            hint="download the whole folder of the text encoder",
        )
    return prefix
