"""A tiny Gemma 3 directory in the layout of Google's: config, weights with a (tiny) vision tower, tokenizer.

Weights are random and fixed by a seed. The tokenizer is byte-level BPE without merges, so every text can be written
and nothing is downloaded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import Tensor
from transformers import Gemma3Config, Gemma3ForConditionalGeneration, PreTrainedTokenizerFast

from trainer.demo.official_config import TEXT_HIDDEN, TEXT_STATES
from trainer.model.io import write_safetensors

SPECIAL = {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3}
VOCABULARY = 320
"""256 bytes, the special tokens, and room for the image tokens."""
_IMAGE_TOKENS = {"boi_token_index": 300, "eoi_token_index": 301, "image_token_index": 302}


def write_tiny_gemma(directory: Path, seed: int = 0) -> Path:
    """Write config.json, model.safetensors, tokenizer.json and tokenizer_config.json; returns ``directory``."""
    directory.mkdir(parents=True, exist_ok=True)
    config = _config()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Gemma3ForConditionalGeneration(config)
    write_safetensors(directory / "model.safetensors", _published_names(model), {"format": "pt"})
    _write_tokenizer(directory)
    # Last, because a directory with a config.json counts as complete.
    data = config.to_dict() | {"architectures": ["Gemma3ForConditionalGeneration"], "dtype": "bfloat16"}
    (directory / "config.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return directory


def _config() -> Gemma3Config:
    text: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": TEXT_HIDDEN,
        "intermediate_size": 2 * TEXT_HIDDEN,
        "num_hidden_layers": TEXT_STATES - 1,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "query_pre_attn_scalar": 16,
        "max_position_embeddings": 2048,
        "sliding_window": 512,
    }
    vision: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    }
    return Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4, **_IMAGE_TOKENS)


def _published_names(model: Any) -> dict[str, Tensor]:
    """Names as in Google's files: ``language_model.model.*``, ``vision_tower.*``, ``multi_modal_projector.*``."""
    state = {}
    for key, value in model.state_dict().items():
        name = key.removeprefix("model.")
        if name.startswith("lm_head"):
            continue  # tied to the embedding and not stored
        if name.startswith("language_model."):
            name = name.replace("language_model.", "language_model.model.", 1)
        elif name.startswith("vision_tower.") and not name.startswith("vision_tower.vision_model."):
            name = name.replace("vision_tower.", "vision_tower.vision_model.", 1)
        state[name] = value.to(torch.bfloat16).contiguous()
    return state


def _write_tokenizer(directory: Path) -> None:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = SPECIAL | {character: len(SPECIAL) + index for index, character in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # Gemma's own tokenizer puts the beginning-of-text token in front by itself.
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A <bos> $B", special_tokens=[("<bos>", SPECIAL["<bos>"])]
    )
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side="left", model_max_length=1024, **special)
    fast.save_pretrained(directory)
