"""Quantized weights: which, how far from the original, and that adapters train on them."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import optimum.quanto
import pytest
import torch
import torch.nn.functional as F
from bitsandbytes import functional
from optimum.quanto.tensor.weights import WeightQBytesTensor
from torch import Tensor, nn

from schemas.acceleration import AccelerationConfig
from schemas.errors import CheckpointError
from tests.goldens.tiny_io import model_files
from tests.support.sparse import write_real
from tests.trainer.model.conftest import golden_io
from tests.trainer.model.test_loading import Changed
from trainer.demo.networks import build_transformer
from trainer.demo.official_config import official_config
from trainer.demo.official_names import transformer_names
from trainer.files.checkpoint import read_checkpoint
from trainer.model.inputs import Modalities, ModalityInput
from trainer.model.io import write_safetensors
from trainer.model.loading import load_transformer
from trainer.model.lora import add_lora, enable_lora, lora_tensors
from trainer.model.lora_file import published_tensors
from trainer.model.quantize import (
    TYPES,
    QuantizedLinear,
    dequantized,
    group_size,
    is_quantized,
    quantized,
    report,
)
from trainer.model.shells import plain_tensors
from trainer.model.transformer import LtxTransformer
from trainer.preflight.modules import linear_modules
from trainer.validation.room import set_aside

# Relative error (of the norm) of the velocities and of the adapters' gradients against the model as it was. Measured
# here, the worst of both in bf16: 0.010, 0.039, 0.035, 0.090, 0.45, 0.132. These weights are uniform, as initialised;
# normally distributed ones suit NF4 better than int4, see below.
BOUNDS = {
    "int8-quanto": 0.012,
    "fp8-quanto": 0.045,
    "fp8uz-quanto": 0.045,
    "int4-quanto": 0.11,
    "int2-quanto": 0.55,
    "nf4-bnb": 0.15,
}
KINDS = list(BOUNDS)
LORA = SimpleNamespace(rank=4, alpha=4, dropout=0.0, target_modules=["to_k", "to_q", "to_v", "to_out.0"])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers of 256 and 128, as initialised: wide enough for groups of 128, quick enough for every kind."""
    config = copy.deepcopy(official_config("2.3"))
    config["transformer"] |= {
        "num_layers": 2,
        "num_attention_heads": 4,
        "attention_head_dim": 64,
        "cross_attention_dim": 256,
        "audio_num_attention_heads": 4,
        "audio_attention_head_dim": 32,
        "audio_cross_attention_dim": 128,
    }
    path = tmp_path_factory.mktemp("quantize") / "model.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = transformer_names(build_transformer(config["transformer"]).state_dict())
    tables = {name: tensor for name, tensor in state.items() if "scale_shift_table" in name}
    halves = {name: tensor.bfloat16() for name, tensor in state.items() if name not in tables}
    write_safetensors(path, {**halves, **tables}, {"config": json.dumps(config), "model_version": "2.3.0"})
    return path


def inputs(tokens: int = 48, text: int = 16) -> tuple[ModalityInput, ModalityInput]:
    generator = torch.Generator().manual_seed(2)

    def one(axes: int, channels: int, width: int, sigma: float) -> ModalityInput:
        return ModalityInput(
            latent_BNC=torch.randn(1, tokens, channels, generator=generator),
            sigma_B=torch.tensor([sigma]),
            timesteps_BN=torch.full((1, tokens), sigma),
            positions_BANE=torch.rand(1, axes, tokens, 2, generator=generator) * 4,
            context_BSD=torch.randn(1, text, width, generator=generator),
        )

    return one(3, 32, 256, 0.6), one(1, 32, 128, 0.3)


def given() -> tuple[ModalityInput, ModalityInput]:
    golden = golden_io("2.3")
    return golden.modality("video"), golden.modality("audio")


def adapted(path: Path, kind: str | None, dtype: torch.dtype = torch.float32) -> LtxTransformer:
    """A model with adapters that already do something."""
    model = load_transformer(model_files(path), dtype=dtype, quantization=kind)
    add_lora(model, LORA, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in lora_tensors(model).values():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)
    return model.train()


def step(model: LtxTransformer, *, half: bool = False) -> tuple[Tensor, Tensor]:
    """Velocities and the adapters' gradients of one step, each as one vector."""
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        outputs = model(*inputs())
    # A fixed direction, so that the gradients say how good the backward pass is and not once more the forward one.
    generator = torch.Generator().manual_seed(3)
    found = [output.float() for output in outputs if output is not None]
    sum((output * torch.randn(output.shape, generator=generator)).mean() for output in found).backward()
    velocity = torch.cat([output.detach().flatten() for output in found])
    gradients = [parameter.grad for parameter in lora_tensors(model).values()]
    return velocity, torch.cat([gradient.flatten() for gradient in gradients if gradient is not None])


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def test_every_kind_of_the_schema_is_there() -> None:
    field = AccelerationConfig.model_fields["quantization"]
    assert set(TYPES) == {kind for kind in str(field.annotation).split("'") if "-" in kind}
    assert set(TYPES) == set(BOUNDS)


@pytest.mark.parametrize("half", [False, True], ids=["fp32", "bf16"])
@pytest.mark.parametrize("kind", KINDS)
def test_forward_and_backward_stay_close_to_the_original(checkpoint: Path, kind: str, half: bool) -> None:
    dtype = torch.bfloat16 if half else torch.float32
    velocity, gradient = step(adapted(checkpoint, kind, dtype), half=half)
    plain_velocity, plain_gradient = step(adapted(checkpoint, None, dtype), half=half)
    assert 0 < relative(velocity, plain_velocity) <= BOUNDS[kind]
    assert 0 < relative(gradient, plain_gradient) <= BOUNDS[kind]


@pytest.mark.parametrize("kind", ["int8-quanto", "int4-quanto"])
def test_recomputing_activations_gives_the_same_gradients(checkpoint: Path, kind: str) -> None:
    plain, recomputed = adapted(checkpoint, kind), adapted(checkpoint, kind)
    recomputed.gradient_checkpointing = True
    for one, other in zip(step(plain), step(recomputed), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("release", ["ltx-2-19b", "ltx-2.3-22b", "ltx-2.5-22b-transformer"])
def test_all_linear_layers_of_the_blocks_but_the_gates_and_nothing_else(release: str, tmp_path: Path) -> None:
    names = {module.name for module in linear_modules(read_checkpoint(write_real(tmp_path, release)))}
    chosen = {name for name in names if is_quantized(name)}
    blocks = {name for name in names if name.startswith("transformer_blocks.")}
    gates = {name for name in names if name.endswith(".to_gate_logits")}
    assert chosen == blocks - gates
    assert len(chosen) == 48 * 28
    assert bool(gates) == (release != "ltx-2-19b")
    assert {"patchify_proj", "audio_proj_out", "adaln_single.linear"} <= names - chosen


def test_the_layers_that_are_quantized_are_those_that_are_said_to_be() -> None:
    model = load_transformer(golden_io("2.3").files, dtype=torch.float32, quantization="int8-quanto")
    found = {name for name, module in model.named_modules() if isinstance(module, QuantizedLinear)}
    assert found == {name for name, module in model.named_modules() if isinstance(module, nn.Linear) and is_q(name)}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            assert isinstance(module.weight, WeightQBytesTensor) == (name in found)
            assert module.weight.dtype == torch.float32
            assert not module.weight.requires_grad
    counted = report(model)
    assert counted.modules == len(found)
    rows = sum(model.get_submodule(name).out_features for name in found)
    assert counted.nbytes == counted.weights + 4 * rows


def is_q(name: str) -> bool:
    return name.startswith("transformer_blocks.") and not name.endswith("to_gate_logits")


@pytest.mark.parametrize("modalities", [Modalities(audio=False), Modalities(video=False)], ids=["video", "audio"])
def test_one_modality_alone(modalities: Modalities) -> None:
    model = load_transformer(
        golden_io("2.3").files, modalities=modalities, dtype=torch.float32, quantization="fp8-quanto"
    )
    video, audio = given()
    outputs = model(video if modalities.video else None, audio if modalities.audio else None)
    (output,) = (output for output in outputs if output is not None)
    assert bool(torch.isfinite(output).all())


@pytest.mark.parametrize("width", [48, 128, 160, 192, 256, 512])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.endswith("quanto")])
def test_the_numbers_are_those_of_quanto(kind: str, width: int) -> None:
    """quanto's own layer on the same weight; its arithmetic is done by hand where it would compile C++ first."""
    torch.manual_seed(width)
    plain = nn.Linear(width, 30, bias=False, dtype=torch.float32).requires_grad_(False)
    ours = dequantized(quantized(plain.weight, TYPES[kind]), torch.float32)
    theirs = optimum.quanto.QLinear.from_module(plain, weights=TYPES[kind])
    theirs.freeze()
    if TYPES[kind].bits == 8:
        assert torch.equal(ours, theirs.weight.dequantize())
        return
    assert theirs.weight_group_size == group_size(width)
    grouped = plain.weight.reshape(-1, group_size(width) or width)
    low, high = grouped.amin(1, keepdim=True), grouped.amax(1, keepdim=True)
    scale = (high - low) / (2 ** TYPES[kind].bits - 1)
    levels = ((grouped - low) / scale).round().clamp(0, 2 ** TYPES[kind].bits - 1)
    torch.testing.assert_close(ours, (levels * scale + low).reshape(ours.shape), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_equal_numbers_survive(kind: str) -> None:
    weight = torch.randn(8, 256, generator=torch.Generator().manual_seed(0))
    weight[2] = 0
    found = dequantized(quantized(weight, TYPES[kind]), torch.float32)
    assert bool(torch.isfinite(found).all())
    assert float(found[2].abs().max()) == 0


@pytest.mark.parametrize("kind", ["int8-quanto", "int2-quanto"])
def test_a_layer_computes_in_the_precision_of_autocast_and_keeps_no_input(kind: str) -> None:
    layer = QuantizedLinear(256, 16)
    weight = quantized(layer.weight.detach().bfloat16(), TYPES[kind])
    layer.weight = nn.Parameter(weight, requires_grad=False)
    layer.requires_grad_(False)
    x = torch.randn(5, 256, requires_grad=True)
    kept: list[Tensor] = []
    with (
        torch.autograd.graph.saved_tensors_hooks(kept.append, lambda value: value),
        torch.autocast("cpu", torch.bfloat16),
    ):
        y = layer(x)
    assert y.dtype == torch.bfloat16
    assert kept == []
    y.float().sum().backward()
    full = dequantized(weight, torch.bfloat16).float()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, full.sum(0).expand(5, -1), rtol=2e-2, atol=2e-2)
    torch.testing.assert_close(y.float(), F.linear(x, full, layer.bias), rtol=2e-2, atol=2e-2)


def test_the_published_adapters_do_not_depend_on_the_base(checkpoint: Path) -> None:
    plain, rounded = adapted(checkpoint, None), adapted(checkpoint, "int4-quanto")
    for name, tensor in published_tensors(plain, torch.float32).items():
        assert torch.equal(tensor, published_tensors(rounded, torch.float32)[name])


def test_without_adapters_it_is_the_quantized_base(checkpoint: Path) -> None:
    model = adapted(checkpoint, "int8-quanto").eval()
    base = load_transformer(model_files(checkpoint), dtype=torch.float32, quantization="int8-quanto")
    enable_lora(model, enabled=False)
    with torch.no_grad():
        for one, other in zip(model(*inputs()), base(*inputs()), strict=True):
            assert one is not None
            assert torch.equal(one, other)


def test_progress_is_told_for_every_tensor() -> None:
    told: list[tuple[int, int]] = []
    model = load_transformer(
        golden_io("2.3").files, quantization="int8-quanto", on_progress=lambda *share: told.append(share)
    )
    total = len(model.state_dict())
    assert told == [(done, total) for done in range(1, total + 1)]


def test_loading_stays_strict(changed: Changed) -> None:
    missing = "model.diffusion_model.transformer_blocks.1.attn1.to_q.weight"
    path = changed("2.3", lambda tensors, _: tensors.pop(missing))
    with pytest.raises(CheckpointError, match=r"transformer_blocks\.1\.attn1\.to_q\.weight"):
        load_transformer(model_files(path), quantization="int8-quanto")


def test_a_file_that_is_quantized_already_is_refused(changed: Changed) -> None:
    name = "model.diffusion_model.transformer_blocks.1.attn1.to_q.weight"
    path = changed("2.3", lambda tensors, _: tensors.update({name: tensors[name].to(torch.float8_e4m3fn)}))
    with pytest.raises(CheckpointError, match=r"quantised \(fp8\).*plain bf16"):
        load_transformer(model_files(path), quantization="fp8-quanto")


def test_low_bits_need_no_compiler(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """quanto would compile C++ at its first unpacking."""
    build = Path(optimum.quanto.__file__).parent / "library/extensions/cpp/build"
    existed = build.exists()
    monkeypatch.setenv("PATH", "/nowhere")
    assert shutil.which("g++") is None
    velocity, _ = step(adapted(checkpoint, "int2-quanto"))
    assert bool(torch.isfinite(velocity).all())
    assert build.exists() == existed


def test_noise_levels_reach_a_quantized_model() -> None:
    model = load_transformer(golden_io("2.3").files, dtype=torch.float32, quantization="int8-quanto")
    video, audio = given()
    with torch.no_grad():
        one, _ = model(video, audio)
        other, _ = model(replace(video, timesteps_BN=video.timesteps_BN * 0.5), audio)
    assert one is not None
    assert relative(other, one) > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_moving_a_layer_moves_what_it_holds(kind: str) -> None:
    layer = QuantizedLinear(256, 16)
    weight = quantized(layer.weight.detach().bfloat16(), TYPES[kind])
    layer.weight = nn.Parameter(weight, requires_grad=False)
    before = dequantized(layer.weight, torch.bfloat16)
    visited: list[Tensor] = []

    def move(tensor: Tensor) -> Tensor:
        visited.append(tensor)
        return tensor.clone()

    layer._apply(move)
    assert type(layer.weight) is type(weight)
    assert sum(tensor.nbytes for tensor in visited) == layer.bias.nbytes + sum(
        tensor.nbytes for tensor in plain_tensors(weight)
    )
    assert torch.equal(dequantized(layer.weight, torch.bfloat16), before)
    assert {tensor.device.type for tensor in plain_tensors(layer.to("meta").weight)} == {"meta"}


def test_nf4_is_closer_and_smaller_than_int4_for_normal_weights() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = (torch.randn(512, 512, generator=generator) * 0.02).bfloat16()
    errors, bits = {}, {}
    for kind in ("int4-quanto", "nf4-bnb"):
        held = quantized(weight, TYPES[kind])
        errors[kind] = relative(dequantized(held, torch.float32), weight.float())
        bits[kind] = sum(tensor.nbytes for tensor in plain_tensors(held)) * 8 / weight.numel()
    assert errors["nf4-bnb"] < 0.094 < 0.099 < errors["int4-quanto"]
    assert bits["nf4-bnb"] == pytest.approx(4.127, abs=0.001)
    assert bits["int4-quanto"] == 4.25


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_nf4_gives_what_its_library_gives(dtype: torch.dtype) -> None:
    weight = torch.randn(33, 17, generator=torch.Generator().manual_seed(0)).to(dtype)
    packed, state = functional.quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=True)
    held = quantized(weight, TYPES["nf4-bnb"])
    assert held.shape == weight.shape
    assert held.dtype == dtype
    assert torch.equal(dequantized(held, dtype), functional.dequantize_4bit(packed, state))
    with pytest.raises(NotImplementedError, match="of a weight in NF4"):
        _ = held + 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_on_a_card_weights_are_rounded_there_and_step_aside(checkpoint: Path, kind: str) -> None:
    card = torch.device("cuda", 0)
    before = torch.cuda.memory_allocated(card)  # what others left there, such as cuBLAS its workspace
    model = load_transformer(model_files(checkpoint), dtype=torch.bfloat16, device=card, quantization=kind)
    (layer, *_) = (module for module in model.modules() if isinstance(module, QuantizedLinear))
    host = load_transformer(model_files(checkpoint), dtype=torch.bfloat16, quantization=kind)
    (other, *_) = (module for module in host.modules() if isinstance(module, QuantizedLinear))
    found, expected = (dequantized(one.weight, torch.float32).cpu() for one in (layer, other))
    assert relative(found, expected) < 1e-2
    held = torch.cuda.memory_allocated(card) - before
    with set_aside(model):
        assert torch.cuda.memory_allocated(card) - before < held / 10
    assert torch.equal(dequantized(layer.weight, torch.float32).cpu(), found)
