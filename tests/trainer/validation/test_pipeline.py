"""The sampler beside diffusers' own pipeline: same weights, noise, prompts and settings.

Where nothing is given and both modalities share their noise level the stock transformer computes what ours does, so
the whole loop can be compared: schedule, passes, guidance, rescaling, steps.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTX2VideoTransformer3DModel
from diffusers.pipelines.ltx2.pipeline_ltx2 import LTX2Pipeline
from torch import Tensor, nn

from tests.trainer.validation.conftest import GUIDED
from trainer.data.buckets import Bucket
from trainer.demo import networks
from trainer.demo.official_config import official_config
from trainer.files.checkpoint import ModelFiles
from trainer.model.loading import load_transformer
from trainer.objective.batch import ModalityName
from trainer.validation.guidance import Guidance, Scales
from trainer.validation.plan import MODALITIES, SamplePlan, audio_steps
from trainer.validation.sampler import Track, Tracks, sample
from trainer.validation.schedule import sigmas
from trainer.validation.space import LatentSpace

STEPS, WORDS = 3, 6
PLAN = SamplePlan(0, "x", 0, 24.0, Bucket(17, 64, 96), 3, 2, 3, audio_steps(17, 24.0))


class Contexts(nn.Module):
    """Stands for the text connectors: gives the contexts that both sides are to read, negative before positive."""

    def __init__(self, video_BSD: Tensor, audio_BSD: Tensor) -> None:
        super().__init__()
        self.video_BSD, self.audio_BSD = video_BSD, audio_BSD
        self.device, self.dtype = video_BSD.device, video_BSD.dtype  # a pipeline asks its parts

    def forward(self, embeds: Tensor, mask: Tensor, **_: Any) -> tuple[Tensor, Tensor, Tensor]:
        rows = slice(2 - embeds.shape[0], None)
        return self.video_BSD[rows], self.audio_BSD[rows], torch.ones(embeds.shape[0], WORDS)


def _random(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _pipeline(transformer: nn.Module, contexts: Contexts) -> Any:
    config = official_config("2.0")
    plain = networks.build_transformer(config["transformer"])
    # Without this its self-attention cannot be weakened, and the pipeline's STG would silently do nothing.
    stock: Any = LTX2VideoTransformer3DModel.from_config(plain.config, perturbed_attn=True)
    stock.load_state_dict(transformer.state_dict())
    vaes: list[Any] = [networks.build_video_vae(config["vae"]), networks.build_audio_vae(config["audio_vae"])]
    for vae in vaes:  # so that latents come out as they are
        vae.latents_mean.zero_()
        vae.latents_std.fill_(1)
    # One shift whatever the size, as validation has it.
    shift = {"base_shift": 2.05, "max_shift": 2.05, "shift_terminal": 0.1, "use_dynamic_shifting": True}
    pipeline = LTX2Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(**shift),
        vae=vaes[0],
        audio_vae=vaes[1],
        text_encoder=None,
        tokenizer=None,
        connectors=contexts,
        transformer=stock.eval(),
        vocoder=None,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.parametrize("guided", [False, True])
def test_the_same_sample(files: ModelFiles, guided: bool) -> None:
    transformer = load_transformer(files, dtype=torch.float32).eval()
    space, config = LatentSpace.of(files), transformer.config
    widths = {"video": config.cross_attention_dim, "audio": config.audio_cross_attention_dim}
    if config.caption_channels:
        widths = dict.fromkeys(widths, config.caption_channels)
    texts = {name: _random(2, WORDS, size, seed=size) for name, size in widths.items()}
    noise = {name: _random(1, *shape, seed=9) for name, shape in _shapes(space).items()}

    def track(name: ModalityName) -> Track:
        start = space.start(name, PLAN, (), torch.device("cpu"))
        negative, positive = texts[name][:1], texts[name][1:]
        return Track(start.noised(noise[name]), positive, negative)

    guidance = Guidance(Scales(3, 1, 3), Scales(7, 1, 3), frozenset({1}), 0.7) if guided else Guidance()
    with torch.no_grad():
        ours = sample(
            transformer, Tracks(track("video"), track("audio")), guidance, sigmas(STEPS), block_count=4, at_once=4
        )
        video, audio = _theirs(transformer, Contexts(texts["video"], texts["audio"]), noise, guided=guided)
    for name, theirs in zip(MODALITIES, (video, audio), strict=True):
        found = space.latents(name, PLAN, ours.present()[name].state)
        torch.testing.assert_close(found, theirs, rtol=0, atol=1e-4)
        assert float(theirs.std()) > 0.1


def _shapes(space: LatentSpace) -> dict[str, tuple[int, int]]:
    return {
        "video": (PLAN.frames * PLAN.height * PLAN.width, space.channels),
        "audio": (PLAN.audio_steps, space.audio_channels * space.audio_bins),
    }


def _theirs(
    transformer: nn.Module, contexts: Contexts, noise: dict[str, Tensor], *, guided: bool
) -> tuple[Tensor, Tensor]:
    scales = {name: 0.0 if "stg" in name else 1.0 for name in GUIDED} if not guided else GUIDED
    words, mask = torch.zeros(1, WORDS, 8), torch.ones(1, WORDS)
    video, audio = _pipeline(transformer, contexts)(
        prompt_embeds=words,
        prompt_attention_mask=mask,
        negative_prompt_embeds=words,
        negative_prompt_attention_mask=mask,
        width=PLAN.pixels.width,
        height=PLAN.pixels.height,
        num_frames=PLAN.pixels.frames,
        frame_rate=PLAN.fps,
        num_inference_steps=STEPS,
        latents=noise["video"],
        audio_latents=noise["audio"],
        guidance_scale=scales["video_cfg_scale"],
        audio_guidance_scale=scales["audio_cfg_scale"],
        stg_scale=scales["video_stg_scale"],
        audio_stg_scale=scales["audio_stg_scale"],
        modality_scale=scales["video_modality_guidance_scale"],
        audio_modality_scale=scales["audio_modality_guidance_scale"],
        guidance_rescale=0.7 if guided else 0.0,
        audio_guidance_rescale=0.7 if guided else 0.0,
        spatio_temporal_guidance_blocks=[1],
        output_type="latent",
        return_dict=False,
    )
    return video, audio
