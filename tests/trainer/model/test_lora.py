"""LoRA adapters and their files: placing, starting, publishing, reading back, and what others make of the file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch
from diffusers import LTX2Pipeline, LTX2VideoTransformer3DModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from schemas.errors import CheckpointError, ConfigError
from tests.goldens.stored import checkpoint_of
from tests.trainer.loop.world import CHECKPOINT
from trainer.files.checkpoint import VaeScale
from trainer.model.inputs import Modalities, ModalityInput
from trainer.model.loading import load_transformer
from trainer.model.lora import add_lora, enable_lora, find_targets, linear_modules, lora_tensors
from trainer.model.lora_file import LoraOrigin, load_lora, published_tensors, read_lora
from trainer.model.transformer import LtxTransformer
from trainer.objective.positions import audio_positions, video_positions


@dataclass
class Settings:
    rank: int = 4
    alpha: int = 8
    dropout: float = 0.0
    target_modules: list[str] = field(default_factory=lambda: ["to_k", "to_out.0", "ff.net.0.proj", "patchify_proj"])


def transformer(dtype: torch.dtype = torch.float32, modalities: Modalities = Modalities()) -> LtxTransformer:  # noqa: B008
    files = checkpoint_of(CHECKPOINT, {"checkpoint": CHECKPOINT.name})
    return load_transformer(files, dtype=dtype, modalities=modalities)


def trained(seed: int = 0, settings: Settings | None = None) -> LtxTransformer:
    """A model whose adapters do something."""
    model = transformer()
    add_lora(model, settings or Settings(), seed)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in lora_tensors(model).items():
            if name.endswith("lora_B.weight"):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model.eval()


def inputs(sigma: float = 0.6) -> tuple[ModalityInput, ModalityInput]:
    """Video and audio at one noise level for all tokens."""
    generator = torch.Generator().manual_seed(2)

    def one(count: int, channels: int, width: int, positions: Tensor) -> ModalityInput:
        return ModalityInput(
            latent_BNC=torch.randn(1, count, channels, generator=generator),
            sigma_B=torch.tensor([sigma]),
            timesteps_BN=torch.full((1, count), sigma),
            positions_BANE=positions,
            context_BSD=torch.randn(1, 6, width, generator=generator),
        )

    fps = torch.tensor([25.0])
    return (
        one(12, 16, 64, video_positions(2, 2, 3, fps, VaeScale(32, 8))),
        one(5, 16, 32, audio_positions(5, 1)),
    )


def outputs(model: LtxTransformer) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        video, audio = model(*inputs())
    assert video is not None
    assert audio is not None
    return video, audio


ORIGIN = LoraOrigin(4, 8, ("to_k",), 500, "abc", "2.3.0", "def")


def publish(model: LtxTransformer, path: Path, dtype: torch.dtype = torch.float32) -> Path:
    save_file(published_tensors(model, dtype), path, metadata=ORIGIN.metadata())
    return path


def test_patterns_end_at_dots() -> None:
    names = linear_modules(transformer())
    found = find_targets(["attn1.to_k"], names)
    assert found == ("transformer_blocks.0.attn1.to_k", "transformer_blocks.1.attn1.to_k")
    assert len(find_targets(["to_k"], names)) == 12
    assert find_targets(["patchify_proj"], names) == ("patchify_proj",)


def test_a_pattern_without_a_match_names_close_ones() -> None:
    names = linear_modules(transformer())
    with pytest.raises(ConfigError, match=r"'to_kk' \(close: to_k") as raised:
        find_targets(["to_kk", "attn1.to_k", "nothing_like_it"], names)
    assert "nothing_like_it" in str(raised.value)


def test_an_absent_modality_has_no_modules() -> None:
    model = transformer(modalities=Modalities(video=True, audio=False))
    with pytest.raises(ConfigError, match="audio_attn1"):
        add_lora(model, Settings(target_modules=["audio_attn1.to_k"]), 0)


def test_only_fp32_adapters_train_and_at_first_they_change_nothing() -> None:
    model = transformer(torch.bfloat16)
    report = add_lora(model, Settings(), 0)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert {parameter.dtype for parameter in parameters} == {torch.float32}
    assert sum(parameter.numel() for parameter in parameters) == report.parameters
    plain, adapted = transformer().eval(), transformer()
    add_lora(adapted, Settings(), 0)
    for before, after in zip(outputs(plain), outputs(adapted.eval()), strict=True):
        assert torch.equal(before, after)


def test_the_start_depends_on_seed_and_name_alone() -> None:
    both, one = transformer(), transformer()
    add_lora(both, Settings(), 3)
    torch.randn(100)
    add_lora(one, Settings(target_modules=["attn1.to_k"]), 3)
    name = "transformer_blocks.1.attn1.to_k.lora_A.weight"
    assert torch.equal(lora_tensors(both)[name], lora_tensors(one)[name])
    other = transformer()
    add_lora(other, Settings(), 4)
    assert not torch.equal(lora_tensors(both)[name], lora_tensors(other)[name])


def test_a_published_file_says_what_it_is(tmp_path: Path) -> None:
    path = publish(trained(), tmp_path / "lora.safetensors", torch.bfloat16)
    with safe_open(path, "pt") as file:
        metadata, keys = file.metadata(), set(file.keys())
        assert {file.get_tensor(key).dtype for key in keys} == {torch.bfloat16}
    assert metadata["lora_rank"] == "4"
    assert metadata["lora_alpha"] == "8"
    assert metadata["base_model_fingerprint"] == "abc"
    assert json.loads(metadata["target_modules"]) == ["to_k"]
    assert "diffusion_model.patchify_proj.lora_A.weight" in keys
    assert "diffusion_model.transformer_blocks.0.audio_to_video_attn.to_k.lora_B.weight" in keys


def test_alpha_is_inside_the_file(tmp_path: Path) -> None:
    model = trained()
    stored = load_file(publish(model, tmp_path / "lora.safetensors"))
    name = "transformer_blocks.0.attn1.to_k.lora_B.weight"
    torch.testing.assert_close(stored["diffusion_model." + name], lora_tensors(model)[name] * 2)


@pytest.mark.parametrize("alpha", [8, 2])
def test_a_file_read_back_computes_the_same(tmp_path: Path, alpha: int) -> None:
    model = trained()
    path = publish(model, tmp_path / "lora.safetensors")
    again = transformer()
    add_lora(again, Settings(alpha=alpha), 9)
    assert load_lora(again, path) == len(lora_tensors(model))
    for ours, theirs in zip(outputs(again.eval()), outputs(model), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_files_of_other_programs(tmp_path: Path) -> None:
    """down / up names with an alpha tensor, without metadata, diffusers' module names."""
    model = trained()
    foreign = {}
    for key, tensor in published_tensors(model, torch.float32).items():
        key = key.removeprefix("diffusion_model.").replace("patchify_proj", "proj_in")
        module, _, part = key.partition(".lora_")
        foreign[f"transformer.{module}.lora_{'down' if part[0] == 'A' else 'up'}.weight"] = tensor * (
            1.0 if part[0] == "A" else 0.5
        )
        foreign[f"transformer.{module}.alpha"] = torch.tensor(8.0)
    save_file(foreign, tmp_path / "foreign.safetensors")
    again = transformer()
    add_lora(again, Settings(), 9)
    load_lora(again, tmp_path / "foreign.safetensors")
    for ours, theirs in zip(outputs(again.eval()), outputs(model), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = publish(trained(), tmp_path / "lora.safetensors")
    fewer, wider = transformer(), transformer()
    add_lora(fewer, Settings(target_modules=["to_k"]), 0)
    with pytest.raises(CheckpointError, match="fit no adapter"):
        load_lora(fewer, path)
    more = transformer()
    add_lora(more, Settings(target_modules=[*Settings().target_modules, "to_v"]), 0)
    with pytest.raises(CheckpointError, match="are not in it"):
        load_lora(more, path)
    add_lora(wider, Settings(rank=8), 0)
    with pytest.raises(CheckpointError, match=r"set lora\.rank to 4"):
        load_lora(wider, path)


def test_a_file_without_adapters_is_refused(tmp_path: Path) -> None:
    save_file({"transformer_blocks.0.attn1.to_k.weight": torch.zeros(2, 2)}, tmp_path / "no.safetensors")
    with pytest.raises(CheckpointError, match="no known kind of LoRA"):
        read_lora(tmp_path / "no.safetensors")
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_lora(tmp_path / "junk.safetensors")


def test_adapters_can_be_switched_off() -> None:
    model, plain = trained(), transformer().eval()
    changed = outputs(model)
    enable_lora(model, False)
    for off, base, on in zip(outputs(model), outputs(plain), changed, strict=True):
        assert torch.equal(off, base)
        assert not torch.allclose(on, base, atol=1e-3)


def test_diffusers_loads_the_published_file_into_its_own_transformer(tmp_path: Path) -> None:
    model = trained()
    publish(model, tmp_path / "lora.safetensors")
    stock = LTX2VideoTransformer3DModel.from_config(dict(transformer().config))
    stock.load_state_dict(transformer().state_dict())
    stock.eval()
    state = LTX2Pipeline.lora_state_dict(tmp_path / "lora.safetensors")
    LTX2Pipeline.load_lora_into_transformer(state, transformer=stock)
    video, audio = inputs()
    with torch.no_grad():
        theirs = stock(
            hidden_states=video.latent_BNC,
            audio_hidden_states=audio.latent_BNC,
            encoder_hidden_states=video.context_BSD,
            audio_encoder_hidden_states=audio.context_BSD,
            timestep=video.sigma_B * 1000,
            sigma=video.sigma_B * 1000,
            video_coords=video.positions_BANE,
            audio_coords=audio.positions_BANE,
            return_dict=False,
        )
    base = outputs(transformer().eval())
    for ours, other, plain in zip(outputs(model), theirs, base, strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-4, atol=2e-5)
        assert not torch.allclose(other, plain, atol=1e-2)
