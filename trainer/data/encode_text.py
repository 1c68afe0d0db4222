"""Captions to ``conditions/``: hidden states of the text encoder through the checkpoint's feature extractor.

The features are stored before the text connectors, at all 1024 positions, padded on the left.
"""

from __future__ import annotations

import torch

from trainer.data.phase import Workshop
from trainer.data.plan import Sample
from trainer.model.text import load_extractor
from trainer.model.text_encoder import load_text_encoder

PHASE = "captions"
DIRECTORY = "conditions"


def encode_captions(shop: Workshop) -> None:
    """Encode what is missing; samples with the same prompt are encoded once."""
    todo = shop.pending(DIRECTORY, shop.plan.samples)
    if not todo:
        return
    by_prompt: dict[str, list[Sample]] = {}
    for sample in todo:
        by_prompt.setdefault(sample.prompt, []).append(sample)
    files, in_8bit = shop.plan.files, shop.plan.options.load_text_encoder_in_8bit
    done = 0
    with (
        shop.resident(
            "text encoder",
            lambda: load_text_encoder(files, dtype=torch.bfloat16, device=shop.device, in_8bit=in_8bit),
        ) as encoder,
        shop.resident(
            "text feature extractor", lambda: load_extractor(files, dtype=torch.bfloat16, device=shop.device)
        ) as extractor,
    ):
        for prompt, samples in by_prompt.items():
            hidden_states_BSDL, mask_BS = encoder.encode([prompt])
            video_BSD, audio_BSD = extractor(hidden_states_BSDL, mask_BS)
            cut = bool(encoder.tokenize([prompt]).cut)
            for sample in samples:
                shop.attempt(
                    sample,
                    PHASE,
                    lambda sample=sample, video=video_BSD[0], audio=audio_BSD[0], mask=mask_BS[0]: shop.save(
                        DIRECTORY,
                        sample,
                        {
                            "video_prompt_embeds": video.to(torch.bfloat16),
                            "audio_prompt_embeds": audio.to(torch.bfloat16),
                            "prompt_attention_mask": mask.to(torch.int64),
                        },
                    ),
                )
                if cut:
                    shop.note(sample, PHASE, f"the caption is cut to {mask_BS.shape[1]} tokens; its end is not read")
            done += len(samples)
            shop.progress(PHASE, done, len(todo))
