"""One training step of our transformer at real width, on fake tensors.

The step is the trainer's: ``Strategy`` makes inputs and loss, PEFT adapters sit where ``add_lora`` puts them, the
forward pass runs under autocast as accelerate wraps it, the optimizer is the trainer's own.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily

from schemas.lora import LoraConfig
from tests.oracle.device import cuda_kernels
from tests.oracle.ledger import Ledger, Peak
from tests.support.sparse import write_real
from trainer.files.checkpoint import VaeScale, read_checkpoint
from trainer.loop.optimizers import build_optimizer
from trainer.model.host_blocks import _ALIGN, HostBlock, Room
from trainer.model.inputs import Modalities
from trainer.model.lora import add_lora
from trainer.model.quantize import TYPES, QuantizedLinear, quantized, quantizer
from trainer.model.settings import transformer_arguments
from trainer.model.shells import plain_tensors, rebuilt
from trainer.model.swap import BlockSwap, spread
from trainer.model.transformer import LtxTransformer
from trainer.objective.batch import Batch, ModalityName, RandomDraws, TextContext
from trainer.objective.sigma import UniformSigma
from trainer.objective.strategy import ModalityPlan, ModalityStep, Strategy, StrategyPlan, TrainingStep
from trainer.seeds import generator

HEADERS = {"2.0": "ltx-2-19b", "2.3": "ltx-2.3-22b", "2.5": "ltx-2.5-22b-transformer"}
GOLDEN = Path(__file__).parents[1] / "golden"
ALL_ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")


@dataclass(frozen=True)
class Case:
    """One step to be measured. ``video`` is the latent grid (frames, height, width), ``audio`` the latent steps."""

    family: str = "2.3"
    layers: int = 2
    video: tuple[int, int, int] | None = (7, 18, 18)
    audio: int | None = 51
    text: int = 1024
    batch: int = 1
    generates: tuple[ModalityName, ...] = ("video", "audio")
    rank: int = 16
    targets: tuple[str, ...] = ALL_ATTENTION
    dropout: float = 0.0
    full: bool = False
    autocast: bool = True
    """bf16 mixed precision; False computes in the weights' own type."""
    checkpointing: bool = True
    recomputed: int | None = None
    """With checkpointing, so many blocks recompute; None: all."""
    quantization: str | None = None
    swapped: int = 0
    """So many blocks have their frozen weights in host memory, which is not counted."""
    per_token: bool | None = None
    """Noise levels per token (True) or per sample (False); None leaves it to the trainer's strategy."""
    accumulating: bool = False
    """The measured micro-step is not the first of its optimizer step."""
    tiny: bool = False
    """The widths of the small checkpoint in ``tests/golden`` in place of the published ones."""


@dataclass(frozen=True)
class Measured:
    """Peaks of the phases of a step in steady state (the optimizer state exists), in bytes."""

    forward: Peak
    backward: Peak
    optimizer: Peak
    trainable: int
    parameters: int

    @property
    def peak(self) -> Peak:
        return max((self.forward, self.backward, self.optimizer), key=lambda peak: peak.total)


@functools.cache
def transformer_shape(family: str, *, tiny: bool) -> dict[str, Any]:
    """Arguments of the published transformer of a family, or of its small likeness."""
    if tiny:
        return transformer_arguments(read_checkpoint(GOLDEN / f"ltx{family}_tiny_checkpoint.safetensors"))
    with tempfile.TemporaryDirectory() as folder:
        return transformer_arguments(read_checkpoint(write_real(Path(folder), HEADERS[family])))


def measure_training(case: Case, *, fake: bool = True) -> Measured:
    """Run one step of ``case``. A few seconds for two or three blocks of a real model.

    ``fake=False`` runs it on real tensors, to compare the two.
    """
    transformer = _skeleton(case)
    ledger = Ledger()
    strategy, batch = _strategy(case), _batch(case)
    # The strategy looks at values, so it works on real tensors; only their likenesses go on from here.
    given = (batch, _noise_levels(case, strategy.prepare(batch, RandomDraws(range(case.batch), _stream))))
    with FakeTensorMode() if fake else contextlib.nullcontext() as mode:
        if mode is not None:
            given = _mapped(given, mode.from_tensor)
        _inflate(transformer, case)
        trained = [parameter for parameter in transformer.parameters() if parameter.requires_grad]
        optimizer = build_optimizer("adamw", trained, 1e-4, 0.01)
        _prime(optimizer, trained)
        if case.swapped:
            _swap(transformer, case.swapped)
        _label(ledger, transformer, optimizer)
        if case.accumulating:
            for parameter in trained:
                parameter.grad = torch.empty_like(parameter)
            ledger.own((p.grad for p in trained if p.grad is not None), "gradients")
        for parameter in trained:
            parameter.register_post_accumulate_grad_hook(lambda p: ledger.own([p.grad], "gradients"))
        with ledger, cuda_kernels():
            tensors: list[Tensor] = []
            _mapped(given, tensors.append)
            ledger.own(tensors, "inputs")
            return _step(case, ledger, transformer, strategy, given[1], trained, optimizer)


def _step(
    case: Case,
    ledger: Ledger,
    transformer: nn.Module,
    strategy: Strategy,
    prepared: TrainingStep,
    trained: list[nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> Measured:
    with ledger.phase("forward") as forward:
        video = None if prepared.video is None else prepared.video.inputs
        audio = None if prepared.audio is None else prepared.audio.inputs
        with _precision(case):
            outputs = transformer(video, audio)
        velocities = tuple(None if velocity is None else velocity.float() for velocity in outputs)
        del outputs
        loss = strategy.losses(prepared, *velocities).total().mean()
    with ledger.phase("backward") as backward:
        loss.backward()
    with ledger.phase("optimizer") as stepping:
        gradients = [parameter.grad for parameter in trained if parameter.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        nn.utils.clip_grads_with_norm_(trained, 1.0, norm)
        optimizer.step()
    count = sum(parameter.numel() for parameter in trained)
    return Measured(forward, backward, stepping, count, sum(p.numel() for p in transformer.parameters()))


def _skeleton(case: Case) -> LtxTransformer:
    """The model with its adapters on the meta device: PEFT cannot be applied inside fake mode."""
    modalities = Modalities(case.video is not None, case.audio is not None)
    with torch.device("meta"):
        transformer = LtxTransformer(
            {**transformer_shape(case.family, tiny=case.tiny), "num_layers": case.layers}, modalities
        )
    if case.quantization is not None:
        quantizer(transformer, case.quantization, dtype=torch.bfloat16, device="meta")
    if not case.full:
        settings = LoraConfig(rank=case.rank, alpha=case.rank, dropout=case.dropout, target_modules=list(case.targets))
        add_lora(transformer, settings, seed=0)
    transformer.gradient_checkpointing = case.checkpointing
    transformer.recomputed = case.recomputed
    return transformer.train()


def _inflate(module: nn.Module, case: Case) -> None:
    """Give every meta tensor fake memory: trained ones in fp32, frozen ones in the type they are loaded in."""
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if parameter is not None:
                dtype = torch.float32 if parameter.requires_grad or not case.autocast else torch.bfloat16
                fresh = torch.empty(parameter.shape, dtype=dtype)
                if isinstance(part, QuantizedLinear) and name == "weight":
                    fresh = _rounded(parameter.shape, case.quantization or "")
                part._parameters[name] = nn.Parameter(fresh, requires_grad=parameter.requires_grad)
        for name, buffer in list(part._buffers.items()):
            if buffer is not None:
                part._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype)


def _rounded(shape: torch.Size, kind: str) -> Tensor:
    """A quantized weight with fake memory inside. Its shell comes from the meta device: fake mode would not make it."""
    with unset_fake_temporarily():
        shell = quantized(torch.empty(shape, dtype=torch.bfloat16, device="meta"), TYPES[kind])
    return rebuilt(shell, lambda held: torch.empty(held.shape, dtype=held.dtype))


def _swap(transformer: LtxTransformer, count: int) -> None:
    """Let blocks wait elsewhere as the loader does, which packs them as they are read."""
    blocks = transformer.transformer_blocks
    packed = {index: _host_block(index, blocks[index]) for index in spread(len(blocks), count)}
    transformer.swap = BlockSwap(blocks, packed, "cpu")


def _host_block(index: int, block: nn.Module) -> HostBlock:
    size, rooms = 0, {}
    for name, parameter in block.named_parameters():
        if not parameter.requires_grad:
            found = []
            for held in plain_tensors(parameter):
                found.append(Room(size, held.nbytes, held.dtype, tuple(held.shape)))
                size += -(-held.nbytes // _ALIGN) * _ALIGN
            rooms[name] = tuple(found)
    return HostBlock(index, torch.empty(size, dtype=torch.uint8), rooms)


def _prime(optimizer: torch.optim.Optimizer, trained: list[nn.Parameter]) -> None:
    """One step on made-up gradients: the optimizer's state exists afterwards, as it does from the second step on."""
    for parameter in trained:
        parameter.grad = torch.empty_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _label(ledger: Ledger, transformer: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    frozen = (p for n, p in transformer.named_parameters() if "lora_" not in n)
    ledger.own((held for parameter in frozen for held in plain_tensors(parameter)), "weights")
    ledger.own(transformer.buffers(), "weights")
    ledger.own((p for n, p in transformer.named_parameters() if "lora_" in n), "adapter")
    for slots in optimizer.state.values():
        ledger.own((value for value in slots.values() if isinstance(value, Tensor)), "optimizer")


def _strategy(case: Case) -> Strategy:
    def plan(name: ModalityName, present: bool) -> ModalityPlan | None:
        return ModalityPlan(generated=name in case.generates) if present else None

    plans = StrategyPlan(plan("video", case.video is not None), plan("audio", case.audio is not None))
    return Strategy(plans, UniformSigma(), VaeScale(32, 8), mark_keyframes=case.family == "2.5")


def _batch(case: Case) -> Batch:
    arguments = transformer_shape(case.family, tiny=case.tiny)
    inner = arguments["use_prompt_embeddings"]

    def context(prefix: str) -> Tensor:
        width = arguments[f"{prefix}num_attention_heads"] * arguments[f"{prefix}attention_head_dim"]
        width = arguments["caption_channels"] if inner else width
        return torch.zeros(case.batch, case.text, width, dtype=torch.bfloat16)

    video = (
        None
        if case.video is None
        else torch.zeros(case.batch, arguments["in_channels"], *case.video, dtype=torch.bfloat16)
    )
    # One channel as wide as a token: what counts is their product.
    sound = (
        None
        if case.audio is None
        else torch.zeros(case.batch, 1, case.audio, arguments["audio_in_channels"], dtype=torch.bfloat16)
    )
    return Batch(
        names=("sample",) * case.batch,
        video_BCFHW=video,
        fps_B=None if video is None else torch.full((case.batch,), 24.0),
        audio_BCTM=sound,
        context=TextContext(None if video is None else context(""), None if sound is None else context("audio_"), None),
    )


def _stream(sample: int, purpose: str) -> torch.Generator:
    return generator(0, str(sample), purpose)


def _mapped(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """``value`` with every tensor in it changed, through tuples and dataclasses."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_mapped(item, change) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{item.name: _mapped(getattr(value, item.name), change) for item in fields(value)})
    return value


def _noise_levels(case: Case, prepared: TrainingStep) -> TrainingStep:
    """The step with noise levels as the case wants them, whatever the strategy gives."""
    if case.per_token is None:
        return prepared

    def changed(step: ModalityStep | None) -> ModalityStep | None:
        if step is None:
            return None
        batch, count = step.inputs.latent_BNC.shape[:2]
        levels = torch.empty(batch, count if case.per_token else 1)
        return replace(step, inputs=replace(step.inputs, timesteps_BN=levels))

    return TrainingStep(changed(prepared.video), changed(prepared.audio))


def _precision(case: Case) -> contextlib.AbstractContextManager[Any]:
    return torch.autocast("cpu", torch.bfloat16) if case.autocast else contextlib.nullcontext()
