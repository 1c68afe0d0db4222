"""Captions to ``conditions/``: hidden states of the text encoder through the checkpoint's feature extractor.

The features are stored before the text connectors, at all 1024 positions, padded on the left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor

from trainer.data.phase import Workshop
from trainer.data.plan import Sample
from trainer.data.pt_files import Content
from trainer.files.checkpoint import EXTRACTOR_PREFIX
from trainer.model.text import TextExtractor, load_extractor
from trainer.model.text_encoder import TextEncoder, open_text_encoder
from trainer.model.text_residence import bytes_in

PHASE = "captions"
DIRECTORY = "conditions"
_PROJECTING: Final = 800 << 20
"""What projecting the states of one prompt takes beside them: two more copies of 0.4 GB."""


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
    files, device, options = shop.plan.files, shop.device, shop.plan.options

    def load() -> Text:
        # The two live together: the hidden states of one caption take hundreds of megabytes, too much to store.
        encoder = open_text_encoder(
            files,
            device,
            in_8bit=options.load_text_encoder_in_8bit,
            streamed=options.stream_text_encoder,
            beside=bytes_in(files.extractor, EXTRACTOR_PREFIX) + _PROJECTING,
        )
        shop.say(f"text encoder {encoder.residence.words}")
        return Text(encoder, load_extractor(files, dtype=torch.bfloat16, device=device))

    def work(text: Text) -> None:
        done = 0
        encoded = text.encoder.each(tuple(by_prompt), shop.say)
        for (prompt, samples), (states_BSDL, mask_BS) in zip(by_prompt.items(), encoded, strict=True):
            _keep(shop, text, prompt, samples, states_BSDL, mask_BS)
            done += len(samples)
            shop.progress(PHASE, done, len(todo))

    shop.using("text encoder and feature extractor", load, work)


def _keep(
    shop: Workshop, text: Text, prompt: str, samples: Sequence[Sample], states_BSDL: Tensor, mask_BS: Tensor
) -> None:
    video_BSD, audio_BSD = text.extractor(states_BSDL, mask_BS)
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
