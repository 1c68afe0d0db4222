"""The sampler beside diffusers' own pipelines: same weights, noise, prompts and settings.

Where nothing is given and both modalities share their noise level the stock transformer computes what ours does, so
the whole loop can be compared: schedule, passes, guidance, rescaling, steps. With a given first frame the stock
transformer opens the gate between the modalities by each token's own noise level, 0 for a given one, where the model
was trained with the other modality's. That is the whole difference: with its gates corrected it agrees again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTX2VideoTransformer3DModel
from diffusers.pipelines.ltx2.pipeline_ltx2 import LTX2Pipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_image2video import LTX2ImageToVideoPipeline
from torch import Tensor, nn

from schemas.validation_conditions import FirstFrameSample
from tests.trainer.validation.conftest import GUIDED
from trainer.data.buckets import Bucket
from trainer.demo import networks
from trainer.demo.official_config import official_config
from trainer.files.checkpoint import ModelFiles
from trainer.model.loading import load_transformer
from trainer.model.transformer import LtxTransformer
from trainer.objective.batch import ModalityName
from trainer.objective.tokens import patchify_video, unpatchify_video
from trainer.validation.conditions import Given
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


def _pipeline(transformer: nn.Module, contexts: Contexts, kind: type[Any] = LTX2Pipeline) -> Any:
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
    pipeline = kind(
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
    both = Both.of(files)
    guidance = Guidance(Scales(3, 1, 3), Scales(7, 1, 3), frozenset({1}), 0.7) if guided else Guidance()
    ours = both.ours(guidance)
    pipeline = _pipeline(both.transformer, Contexts(both.texts["video"], both.texts["audio"]))
    theirs = _run(pipeline, both.noise, guided=guided)
    for name in MODALITIES:
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=1e-4)
        assert float(theirs[name].std()) > 0.1


def test_with_a_given_frame_the_gates_are_the_whole_difference(files: ModelFiles) -> None:
    both = Both.of(files)
    frame_BCFHW = _random(1, both.space.channels, 1, PLAN.height, PLAN.width, seed=3)
    given = Given(FirstFrameSample(type="first_frame", image_or_video=Path("x.png")), frame_BCFHW)
    ours = both.ours(Guidance(), given)
    noise = dict(both.noise)
    tokens = patchify_video(frame_BCFHW)
    tokens = torch.cat([tokens, noise["video"][:, tokens.shape[1] :]], dim=1)
    noise["video"] = unpatchify_video(tokens, PLAN.frames, PLAN.height, PLAN.width)
    contexts = Contexts(both.texts["video"], both.texts["audio"])
    pipeline = _pipeline(both.transformer, contexts, LTX2ImageToVideoPipeline)
    stock = _run(pipeline, noise, guided=False, noise_scale=0.0, use_cross_timestep=False)
    assert float((ours["video"] - stock["video"]).abs().max()) > 1e-3
    _correct_gates(pipeline.transformer)
    corrected = _run(pipeline, noise, guided=False, noise_scale=0.0, use_cross_timestep=False)
    for name in MODALITIES:
        torch.testing.assert_close(ours[name], corrected[name], rtol=0, atol=1e-4)
    assert torch.equal(ours["video"][:, :, :1], frame_BCFHW)


def _correct_gates(stock: Any) -> None:
    """The noise level of the other modality, here the highest of the tokens' own: both are stepped together."""

    def levels(module: nn.Module, args: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return (args[0].view(named["batch_size"], -1).amax(1), *args[1:]), named

    for gate in (stock.av_cross_attn_video_a2v_gate, stock.av_cross_attn_audio_v2a_gate):
        gate.register_forward_pre_hook(levels, with_kwargs=True)


@dataclass(frozen=True)
class Both:
    """What both sides start from."""

    transformer: LtxTransformer
    space: LatentSpace
    texts: dict[str, Tensor]
    """Negative and positive context of each modality."""
    noise: dict[str, Tensor]

    @classmethod
    def of(cls, files: ModelFiles) -> Both:
        transformer = load_transformer(files, dtype=torch.float32).eval()
        space, config = LatentSpace.of(files), transformer.config
        widths = {"video": config.cross_attention_dim, "audio": config.audio_cross_attention_dim}
        if config.caption_channels:
            widths = dict.fromkeys(widths, config.caption_channels)
        texts = {name: _random(2, WORDS, size, seed=size) for name, size in widths.items()}
        return cls(transformer, space, texts, {n: _random(1, *shape, seed=9) for n, shape in _shapes(space).items()})

    def ours(self, guidance: Guidance, *given: Given) -> dict[str, Tensor]:
        """Latents of both modalities, as we sample them; ``given`` is about the video."""

        def track(name: ModalityName) -> Track:
            start = self.space.start(name, PLAN, given if name == "video" else (), torch.device("cpu"))
            negative, positive = self.texts[name][:1], self.texts[name][1:]
            return Track(start.noised(self.noise[name]), positive, negative)

        tracks = Tracks(track("video"), track("audio"))
        with torch.no_grad():
            done = sample(self.transformer, tracks, guidance, sigmas(STEPS), block_count=4, at_once=4)
        return {name: self.space.latents(name, PLAN, done.present()[name].state) for name in MODALITIES}


def _shapes(space: LatentSpace) -> dict[str, tuple[int, int]]:
    return {
        "video": (PLAN.frames * PLAN.height * PLAN.width, space.channels),
        "audio": (PLAN.audio_steps, space.audio_channels * space.audio_bins),
    }


def _run(pipeline: Any, noise: dict[str, Tensor], *, guided: bool, **more: float) -> dict[str, Tensor]:
    scales = {name: 0.0 if "stg" in name else 1.0 for name in GUIDED} if not guided else GUIDED
    words, mask = torch.zeros(1, WORDS, 8), torch.ones(1, WORDS)
    found = pipeline(
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
        **more,
    )
    return dict(zip(MODALITIES, found, strict=True))
