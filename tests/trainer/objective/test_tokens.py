from __future__ import annotations

import torch

from trainer.objective.tokens import patchify_audio, patchify_video, unpatchify_audio, unpatchify_video


def test_video_tokens_run_over_columns_first() -> None:
    latents = torch.arange(2 * 3 * 2 * 4 * 5).reshape(2, 3, 2, 4, 5)
    tokens = patchify_video(latents)
    assert tokens.shape == (2, 40, 3)
    assert torch.equal(tokens[1, 1 * 20 + 2 * 5 + 3], latents[1, :, 1, 2, 3])
    assert torch.equal(unpatchify_video(tokens, 2, 4, 5), latents)


def test_audio_tokens_hold_all_channels_and_bins_of_a_step() -> None:
    latents = torch.arange(2 * 3 * 7 * 4).reshape(2, 3, 7, 4)
    tokens = patchify_audio(latents)
    assert tokens.shape == (2, 7, 12)
    assert torch.equal(tokens[1, 5], latents[1, :, 5, :].flatten())
    assert torch.equal(unpatchify_audio(tokens, 3, 4), latents)
