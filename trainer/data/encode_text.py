"""Captions to ``conditions/``: hidden states of the text encoder through the checkpoint's feature extractor.

The features are stored before the text connectors, at all 1024 positions, padded on the left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from trainer.data.phase import Workshop
from trainer.data.plan import Sample
from trainer.data.pt_files import Content
from trainer.model.text import TextExtractor, load_extractor
from trainer.model.text_encoder import TextEncoder, load_text_encoder

PHASE = "captions"
DIRECTORY = "conditions"


@dataclass(frozen=True)
class Text:
    """Text encoder and feature extractor."""

    encoder: TextEncoder
    extractor: TextExtractor


def encode_captions(shop: Workshop) -> None:
    """Encode what is missing; samples with the same prompt are encoded once."""
    todo = shop.pending(DIRECTORY, shop.plan.samples)
    if not todo:
        return
    by_prompt: dict[str, list[Sample]] = {}
    for sample in todo:
        by_prompt.setdefault(sample.prompt, []).append(sample)
    files, device = shop.plan.files, shop.device
    in_8bit = shop.plan.options.load_text_encoder_in_8bit

    def load() -> Text:
        # The two must live together: the hidden states of one caption take hundreds of megabytes, too much to store.
        encoder = load_text_encoder(files, dtype=torch.bfloat16, device=device, in_8bit=in_8bit)
        return Text(encoder, load_extractor(files, dtype=torch.bfloat16, device=device))

    def work(text: Text) -> None:
        done = 0
        for prompt, samples in by_prompt.items():
            _encode(shop, text, prompt, samples)
            done += len(samples)
            shop.progress(PHASE, done, len(todo))

    shop.using("text encoder and feature extractor", load, work)


def _encode(shop: Workshop, text: Text, prompt: str, samples: Sequence[Sample]) -> None:
    hidden_states_BSDL, mask_BS = text.encoder.encode([prompt])
    video_BSD, audio_BSD = text.extractor(hidden_states_BSDL, mask_BS)
    content: Content = {
        "video_prompt_embeds": video_BSD[0].to(torch.bfloat16),
        "audio_prompt_embeds": audio_BSD[0].to(torch.bfloat16),
        "prompt_attention_mask": mask_BS[0].to(torch.int64),
    }
    cut = bool(text.encoder.tokenize([prompt]).cut)
    for sample in samples:
        shop.attempt(sample, PHASE, partial(shop.save, DIRECTORY, sample, content))
        if cut:
            shop.note(sample, PHASE, f"the caption is cut to {mask_BS.shape[1]} tokens; its end is not read")
