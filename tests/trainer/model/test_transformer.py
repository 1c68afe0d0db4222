from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from diffusers import LTX2VideoTransformer3DModel
from torch import Tensor

from tests.goldens.tiny_io import GoldenIo
from trainer.model.inputs import Modalities, ModalityInput, Perturbation
from trainer.model.loading import load_transformer
from trainer.model.transformer import LtxTransformer

VIDEO, AUDIO = Modalities(audio=False), Modalities(video=False)


def with_one_sigma(given: ModalityInput) -> ModalityInput:
    """All tokens of a sample at the sample's sigma, one value per token."""
    return replace(given, timesteps_BN=given.sigma_B[:, None].expand(-1, given.latent_BNC.shape[1]))


def gradients(model: LtxTransformer, video: ModalityInput, audio: ModalityInput) -> dict[str, Tensor]:
    model.zero_grad()
    outputs = model(video, audio)
    sum(output.square().mean() for output in outputs if output is not None).backward()
    return {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


@pytest.mark.parametrize("modalities", [VIDEO, AUDIO], ids=["video", "audio"])
def test_a_single_modality_holds_nothing_of_the_other_and_gives_the_same_numbers(
    golden: GoldenIo, modalities: Modalities
) -> None:
    own = "video" if modalities.video else "audio"
    model = load_transformer(golden.files, modalities=modalities, dtype=torch.float32)
    names = list(model.state_dict())
    foreign = [name for name in names if ("audio" in name) == modalities.video or "av_cross" in name]
    assert names
    assert not foreign
    given = golden.modality(own)
    with torch.no_grad():
        video, audio = model(given if modalities.video else None, given if modalities.audio else None)
    ours = video if modalities.video else audio
    assert (video is None) == (own == "audio")
    assert ours is not None
    torch.testing.assert_close(ours, golden.outputs[f"out.transformer_{own}_only.{own}"], rtol=0, atol=1e-5)


def test_one_timestep_per_sample_equals_one_per_token(golden: GoldenIo) -> None:
    video, audio = (with_one_sigma(golden.modality(name)) for name in ("video", "audio"))
    short = [replace(given, timesteps_BN=given.sigma_B[:, None]) for given in (video, audio)]
    with torch.no_grad():
        expected, found = golden.transformer(video, audio), golden.transformer(*short)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_a_conditioned_modality_is_not_the_same_as_one_timestep(golden: GoldenIo) -> None:
    """Guards the test above: the timesteps do reach the numbers."""
    video, audio = golden.modality("video"), golden.modality("audio")
    flat = with_one_sigma(video)
    with torch.no_grad():
        conditioned, _ = golden.transformer(video, audio)
        plain, _ = golden.transformer(flat, audio)
    assert conditioned is not None
    assert plain is not None
    assert (conditioned - plain).abs().max() > 1e-2


def test_the_gate_follows_the_other_modalitys_sigma(golden: GoldenIo) -> None:
    video, audio = golden.modality("video"), golden.modality("audio")
    louder = replace(audio, sigma_B=audio.sigma_B * 0.5)
    with torch.no_grad():
        before, _ = golden.transformer(video, audio)
        after, _ = golden.transformer(video, louder)
        alone = golden.transformer(video, audio, Perturbation(isolate=True))[0]
        alone_after = golden.transformer(video, louder, Perturbation(isolate=True))[0]
    assert before is not None
    assert after is not None
    assert (before - after).abs().max() > 1e-4
    torch.testing.assert_close(alone, alone_after, rtol=0, atol=0)


def test_one_sigma_matches_the_stock_forward_and_backward(golden: GoldenIo) -> None:
    """Where the stock forward is right (one sigma for everything) ours gives its numbers and its gradients."""
    model = golden.transformer
    stock = LTX2VideoTransformer3DModel(**{k: v for k, v in model.config.items() if not k.startswith("_")})
    stock.load_state_dict(model.state_dict())
    video = with_one_sigma(golden.modality("video"))
    audio = replace(golden.modality("audio"), sigma_B=video.sigma_B)
    audio = with_one_sigma(audio)
    latents = [given.latent_BNC.clone().requires_grad_() for given in (video, audio, video, audio)]
    ours = model(replace(video, latent_BNC=latents[0]), replace(audio, latent_BNC=latents[1]))
    scale = model.config.timestep_scale_multiplier
    theirs = stock(
        hidden_states=latents[2],
        audio_hidden_states=latents[3],
        encoder_hidden_states=video.context_BSD,
        audio_encoder_hidden_states=audio.context_BSD,
        timestep=video.timesteps_BN * scale,
        audio_timestep=audio.timesteps_BN * scale,
        sigma=video.sigma_B * scale,
        audio_sigma=audio.sigma_B * scale,
        video_coords=video.positions_BANE,
        audio_coords=audio.positions_BANE,
        return_dict=False,
    )
    for found, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    sum(output.square().mean() for output in ours if output is not None).backward()
    sum(output.square().mean() for output in theirs).backward()
    for index in (0, 1):
        torch.testing.assert_close(latents[index].grad, latents[index + 2].grad, rtol=0, atol=1e-6)


def test_checkpointing_gives_equal_gradients_and_runs_only_in_training(golden: GoldenIo) -> None:
    model = load_transformer(golden.files, dtype=torch.float32).requires_grad_(True)
    video, audio = golden.modality("video"), golden.modality("audio")
    plain = gradients(model, video, audio)
    calls = []
    handle = model.transformer_blocks[0].register_forward_pre_hook(lambda *_: calls.append(1))
    model.gradient_checkpointing = True
    assert len(gradients(model, video, audio)) == len(plain)  # eval mode: not checkpointed
    assert len(calls) == 1
    model.train()
    calls.clear()
    checkpointed = gradients(model, video, audio)
    handle.remove()
    assert len(calls) == 2  # forward, and once more in backward
    assert checkpointed.keys() == plain.keys()
    for name, value in plain.items():
        torch.testing.assert_close(checkpointed[name], value, rtol=0, atol=0, msg=name)


def test_all_ones_masks_equal_no_masks(golden: GoldenIo) -> None:
    video, audio = golden.modality("video"), golden.modality("audio")
    batch, tokens, _ = audio.latent_BNC.shape
    masked_audio = replace(
        audio,
        context_mask_BS=torch.ones(audio.context_BSD.shape[:2], dtype=torch.int64),
        attention_mask_BNN=torch.ones(batch, tokens, tokens),
    )
    with torch.no_grad():
        plain, masked = golden.transformer(video, audio), golden.transformer(video, masked_audio)
    for ours, theirs in zip(masked, plain, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_an_audio_mask_cuts_tokens_off(golden: GoldenIo) -> None:
    """With the last token masked for everybody, what it holds reaches nobody else."""
    audio = golden.modality("audio")
    batch, tokens, _ = audio.latent_BNC.shape
    strength = torch.ones(batch, tokens, tokens)
    strength[:, :-1, -1] = 0
    latent = audio.latent_BNC.clone()
    latent[:, -1] += 1
    with torch.no_grad():
        _, before = golden.transformer(None, replace(audio, attention_mask_BNN=strength))
        _, after = golden.transformer(None, replace(audio, attention_mask_BNN=strength, latent_BNC=latent))
        _, open_before = golden.transformer(None, audio)
        _, open_after = golden.transformer(None, replace(audio, latent_BNC=latent))
    assert before is not None
    assert after is not None
    torch.testing.assert_close(before[:, :-1], after[:, :-1], rtol=0, atol=0)
    assert (before[:, -1] - after[:, -1]).abs().max() > 1e-3
    assert open_before is not None
    assert open_after is not None
    assert (open_before[:, :-1] - open_after[:, :-1]).abs().max() > 1e-4


def test_calls_leave_nothing_behind(golden: GoldenIo) -> None:
    video, audio = golden.modality("video"), golden.modality("audio")
    with torch.no_grad():
        first = golden.transformer(video, audio)
        golden.transformer(video, None)
        golden.transformer(video, audio, Perturbation(frozenset({0}), frozenset({1}), isolate=True))
        second = golden.transformer(video, audio)
    for ours, theirs in zip(first, second, strict=True):
        assert ours is not None
        assert theirs is not None
        assert torch.equal(ours, theirs)


def test_what_cannot_be_computed_is_refused(golden: GoldenIo) -> None:
    model = load_transformer(golden.files, modalities=VIDEO, dtype=torch.float32)
    with pytest.raises(ValueError, match="loaded without audio"):
        model(golden.modality("video"), golden.modality("audio"))
    with pytest.raises(ValueError, match="neither"):
        model(None, None)
    with pytest.raises(ValueError, match="video, audio or both"):
        Modalities(video=False, audio=False)


def test_bf16_stays_near_fp32(golden: GoldenIo) -> None:
    model = load_transformer(golden.files, dtype=torch.bfloat16)
    assert {value.dtype for value in model.state_dict().values()} == {torch.bfloat16}
    given = [golden.modality(name).to("cpu", torch.bfloat16) for name in ("video", "audio")]
    assert given[0].positions_BANE.dtype == given[0].sigma_B.dtype == torch.float32
    with torch.no_grad():
        outputs = model(*given)
    for name, output in zip(("video", "audio"), outputs, strict=True):
        expected = golden.outputs[f"out.transformer.{name}"]
        assert output is not None
        assert output.dtype == torch.bfloat16
        assert (output.float() - expected).std() < 0.05 * expected.std()
