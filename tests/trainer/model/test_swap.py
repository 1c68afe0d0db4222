"""Swapped blocks: the same numbers to the bit, and nothing reads a slot that holds another block."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests.goldens.tiny_io import model_files
from tests.support.deep import write_deep
from tests.trainer.model.conftest import golden_io
from trainer.model.inputs import Modalities, ModalityInput
from trainer.model.loading import load_transformer
from trainer.model.lora import add_lora, lora_tensors
from trainer.model.lora_file import published_tensors
from trainer.model.quantize import TYPES
from trainer.model.shells import plain_tensors
from trainer.model.swap import SLOTS, PlainCarrier, spread
from trainer.model.transformer import LtxTransformer
from trainer.seeds import seed_forward
from trainer.validation.room import set_aside

LAYERS = 5
BOTH = Modalities()
RECOMPUTED = {"none": 0, "some": 2, "all": None}
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


class LateCarrier:
    """The worst that asynchronous copies may do: a slot is garbage from the asking on, and filled when waited for."""

    def __init__(self) -> None:
        self.waiting: dict[int, tuple[Tensor, Tensor]] = {}
        self.asked: list[int] = []

    def start(self, slot: int, target: Tensor, source: Tensor) -> None:
        target.fill_(0xFF)  # NaN in every floating point format
        self.asked.append(slot)
        self.waiting[slot] = (target, source)

    def arrive(self, slot: int) -> None:
        target, source = self.waiting.pop(slot)
        target.copy_(source)

    def finish(self) -> None:
        for slot in list(self.waiting):
            self.arrive(slot)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_deep(tmp_path_factory.mktemp("deep") / "model.safetensors", LAYERS)


def adapted(
    path: Path,
    swapped: int = 0,
    kind: str | None = None,
    *,
    recomputed: str = "all",
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    modalities: Modalities = BOTH,
) -> LtxTransformer:
    """A model with adapters that already do something, some of them dropped out; late copies where it swaps."""
    model = load_transformer(
        model_files(path), modalities=modalities, dtype=dtype, quantization=kind, swapped=swapped, device=device
    )
    if model.swap is not None and device == "cpu":
        model.swap.carrier = LateCarrier()
    add_lora(model, SimpleNamespace(rank=4, alpha=4, dropout=0.2, target_modules=["to_k", "to_q"]), seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in lora_tensors(model).values():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    model.gradient_checkpointing, model.recomputed = True, RECOMPUTED[recomputed]
    return model.train()


def given(device: str = "cpu") -> tuple[ModalityInput, ModalityInput]:
    golden = golden_io("2.3")
    return golden.modality("video").to(device), golden.modality("audio").to(device)


def steps(model: LtxTransformer, count: int = 1, *, half: bool = False) -> list[Tensor]:
    """Velocities and gradients of steps of two micro-steps, with passes without gradients behind each step."""
    device = next(model.parameters()).device.type
    parameters = lora_tensors(model)
    optimizer = torch.optim.AdamW(parameters.values(), lr=1e-2)
    found: list[Tensor] = []
    for step, micro in itertools.product(range(count), range(2)):
        seed_forward(3, 0, step, micro)
        with torch.autocast(device, torch.bfloat16, enabled=half):
            outputs = [output.float() for output in model(*given(device)) if output is not None]
        sum(output.square().mean() for output in outputs).backward()
        found += [output.detach() for output in outputs]
        if micro:
            found += [parameter.grad.clone() for parameter in parameters.values() if parameter.grad is not None]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            found += looked_at(model, half=half)
    return found


def looked_at(model: LtxTransformer, *, half: bool = False) -> list[Tensor]:
    """Two passes as validation makes them."""
    model.eval()
    with torch.no_grad(), torch.autocast(next(model.parameters()).device.type, torch.bfloat16, enabled=half):
        outputs = [output for _ in range(2) for output in model(*given(next(model.parameters()).device.type))]
    model.train()
    return [output for output in outputs if output is not None]


def assert_same(found: list[Tensor], expected: list[Tensor]) -> None:
    assert len(found) == len(expected) > 40
    assert all(bool(torch.isfinite(tensor).all()) for tensor in expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


@pytest.fixture(scope="module")
def plain(checkpoint: Path) -> list[Tensor]:
    """Two steps of the model as it is."""
    return steps(adapted(checkpoint), 2)


@pytest.mark.parametrize(
    ("swapped", "recomputed"),
    [
        (1, "all"),
        (2, "none"),
        (3, "some"),
        (5, "all"),
        *(pytest.param(*way, marks=pytest.mark.slow) for way in ((3, "none"), (3, "all"), (5, "none"), (5, "some"))),
    ],
)
def test_the_numbers_of_training_are_the_same(
    checkpoint: Path, plain: list[Tensor], swapped: int, recomputed: str
) -> None:
    found = steps(adapted(checkpoint, swapped, recomputed=recomputed), 2 if swapped == 3 else 1)
    assert_same(found, plain[: len(found)])


@pytest.mark.parametrize(
    "kind",
    [
        # The others differ in how they are rounded, not in how they are held.
        pytest.param(kind, marks=[pytest.mark.slow] * (kind != "int4-quanto"))
        for kind in TYPES
    ],
)
def test_quantized_blocks_too(checkpoint: Path, kind: str) -> None:
    recomputed = "none" if "8" in kind else "all"
    expected = steps(adapted(checkpoint, kind=kind))
    assert_same(steps(adapted(checkpoint, 4, kind, recomputed=recomputed)), expected)


@pytest.mark.parametrize("kind", [pytest.param(None, marks=pytest.mark.slow), "int8-quanto"])
def test_half_precision_too(checkpoint: Path, kind: str | None) -> None:
    expected = steps(adapted(checkpoint, kind=kind, dtype=torch.bfloat16), half=True)
    swapped = adapted(checkpoint, 4, kind, recomputed="some", dtype=torch.bfloat16)
    assert_same(steps(swapped, half=True), expected)


@pytest.mark.parametrize("modalities", [Modalities(audio=False), Modalities(video=False)], ids=["video", "audio"])
def test_one_modality_alone(checkpoint: Path, modalities: Modalities) -> None:
    def gradients(swapped: int) -> list[Tensor]:
        model = adapted(checkpoint, swapped, modalities=modalities)
        video, audio = given()
        seed_forward(3, 0, 0, 0)
        outputs = model(video if modalities.video else None, audio if modalities.audio else None)
        sum(output.square().mean() for output in outputs if output is not None).backward()
        return [parameter.grad for parameter in lora_tensors(model).values() if parameter.grad is not None]

    for one, other in zip(gradients(3), gradients(0), strict=True):
        assert torch.equal(one, other)


def test_what_nobody_learns_from_gets_no_gradient(checkpoint: Path) -> None:
    """Only the video is in the loss: the audio half of the last block is not differentiated, swapped or not."""

    def untouched(swapped: int) -> set[str]:
        model = adapted(checkpoint, swapped)
        video, _ = model(*given())
        assert video is not None
        video.square().mean().backward()
        return {name for name, parameter in lora_tensors(model).items() if parameter.grad is None}

    assert untouched(3) == untouched(0) != set()


def test_selective_checkpointing_alone_changes_nothing_but_what_runs_again(
    checkpoint: Path, plain: list[Tensor]
) -> None:
    ran: list[int] = []
    found = []
    for recomputed, some in RECOMPUTED.items():
        model = adapted(checkpoint, recomputed=recomputed)
        for index, block in enumerate(model.transformer_blocks):
            block.register_forward_pre_hook(lambda _module, _inputs, index=index: ran.append(index))
        found.append(steps(model))
        forward = list(range(LAYERS))
        first = LAYERS if some is None else some
        assert ran[: LAYERS + first] == forward + forward[:first][::-1]
        ran.clear()
    for other in found:
        assert_same(other, plain[: len(other)])


def test_a_slot_that_is_not_filled_again_is_noticed(checkpoint: Path, plain: list[Tensor]) -> None:
    """The comparison above would find a stale slot: without the nodes of the way back, it does."""
    model = adapted(checkpoint, 5)
    assert model.swap is not None
    model.swap.behind = lambda _index, *states: states  # type: ignore[method-assign]
    assert any(not torch.equal(one, other) for one, other in zip(steps(model), plain, strict=False))


@pytest.mark.parametrize("swapped", [3, 5])
def test_only_what_is_not_there_is_fetched(checkpoint: Path, swapped: int) -> None:
    model = adapted(checkpoint, swapped)
    assert model.swap is not None
    carrier = model.swap.carrier
    assert isinstance(carrier, LateCarrier)
    steps(model, 1)
    for _ in range(2):
        carrier.asked.clear()
        forward_and_back(model)
        # On each way all but the two that are there from the way before.
        assert len(carrier.asked) == 2 * (swapped - SLOTS)


def forward_and_back(model: LtxTransformer) -> None:
    sum(output.mean() for output in model(*given()) if output is not None).backward()


def test_blocks_are_asked_for_before_they_are_needed(checkpoint: Path) -> None:
    model = adapted(checkpoint, 3)
    assert model.swap is not None
    events: list[str] = []

    class Noting(PlainCarrier):
        def start(self, slot: int, target: Tensor, source: Tensor) -> None:
            super().start(slot, target, source)
            events.append(f"ask {slot}")

    model.swap.carrier = Noting()
    for index, block in enumerate(model.transformer_blocks):
        block.register_forward_pre_hook(lambda _module, _inputs, index=index: events.append(f"run {index}"))
    assert model.swap.indices == (0, 2, 4)
    forward_and_back(model)
    assert events == [
        *("ask 0", "ask 1", "run 0", "ask 0", "run 1", "run 2", "run 3", "run 4"),
        *("run 4", "ask 0", "run 3", "run 2", "run 1", "run 0"),
    ]


@pytest.mark.parametrize("kind", [None, "int8-quanto", "int2-quanto"])
def test_all_weights_of_a_swapped_block_and_no_adapter_lie_in_its_slot(checkpoint: Path, kind: str | None) -> None:
    model = adapted(checkpoint, 3, kind)
    assert model.swap is not None
    assert model.swap.indices == (0, 2, 4)
    memory = [slot.memory.untyped_storage().data_ptr() for slot in model.swap._slots]
    for index, block in enumerate(model.transformer_blocks):
        for name, parameter in block.named_parameters():
            slots = {held.untyped_storage().data_ptr() for held in plain_tensors(parameter)} & set(memory)
            assert bool(slots) == (index in (0, 2, 4) and "lora_" not in name), name
    slot = max(host.memory.nbytes for host in model.swap._hosts)
    assert model.swap.slot_bytes == SLOTS * slot
    assert model.swap.host_bytes == sum(host.memory.nbytes for host in model.swap._hosts) <= 3 * slot


def test_parking_frees_the_slots_and_keeps_the_weights(checkpoint: Path) -> None:
    model, plain = adapted(checkpoint, 4, "int8-quanto"), adapted(checkpoint, 0, "int8-quanto")
    assert model.swap is not None
    forward_and_back(model)
    with set_aside(model):
        assert model.swap.slot_bytes == 0
        in_between = looked_at(model)
        adapters = published_tensors(model, torch.float32)
    assert model.swap.slot_bytes > 0
    expected = looked_at(plain)
    for one, other in zip([*in_between, *looked_at(model)], [*expected, *expected], strict=True):
        assert torch.equal(one, other)
    for name, tensor in published_tensors(plain, torch.float32).items():
        assert torch.equal(tensor, adapters[name])


def test_moving_the_model_leaves_what_is_swapped_where_it_is(checkpoint: Path, plain: list[Tensor]) -> None:
    model = adapted(checkpoint, 4)
    assert model.swap is not None
    memory = [slot.memory.data_ptr() for slot in model.swap._slots]
    model.to("cpu")
    assert [slot.memory.data_ptr() for slot in model.swap._slots] == memory
    found = steps(model)
    assert_same(found, plain[: len(found)])
    model.to("meta")
    assert {held.device.type for held in map(next, map(plain_tensors, model.parameters()))} == {"meta"}
    assert model.swap.host_bytes > 0


def test_an_error_in_the_middle_of_a_pass_does_no_harm(checkpoint: Path, plain: list[Tensor]) -> None:
    model = adapted(checkpoint, 5)

    def fail(*_: object) -> None:
        raise RuntimeError("on purpose")

    for index in (0, 2, 4):
        hook = model.transformer_blocks[index].register_forward_pre_hook(fail)
        with pytest.raises(RuntimeError, match="on purpose"):
            forward_and_back(model)
        hook.remove()
        for parameter in lora_tensors(model).values():
            parameter.grad = None
    found = steps(model)
    assert_same(found, plain[: len(found)])


def test_swapped_blocks_are_spread_over_the_model() -> None:
    assert spread(48, 0) == ()
    assert spread(48, 4) == (6, 18, 30, 42)
    assert spread(48, 48) == tuple(range(48))
    for layers, count in itertools.product((1, 2, 7, 48), range(49)):
        if count > layers:
            with pytest.raises(ValueError, match="cannot be swapped"):
                spread(layers, count)
            continue
        chosen = spread(layers, count)
        gaps = [after - before for before, after in itertools.pairwise(chosen)]
        assert len(set(chosen)) == count
        assert all(0 <= index < layers for index in chosen)
        assert not gaps or max(gaps) - min(gaps) <= 1


@pytest.mark.gpu
@CUDA
@pytest.mark.parametrize("kind", [None, "int8-quanto", "fp8-quanto", "int4-quanto", "nf4-bnb"])
@pytest.mark.parametrize("recomputed", list(RECOMPUTED))
def test_the_numbers_are_the_same_on_a_card(checkpoint: Path, kind: str | None, recomputed: str) -> None:
    options = {"kind": kind, "recomputed": recomputed, "dtype": torch.bfloat16, "device": "cuda"}
    with sdpa_kernel(SDPBackend.MATH):  # the others add up gradients in no fixed order
        plain = steps(adapted(checkpoint, **options), 4, half=True)  # type: ignore[arg-type]
        swapped = adapted(checkpoint, 5, **options)  # type: ignore[arg-type]
        assert_same(steps(swapped, 4, half=True), plain)
        with set_aside(swapped):
            assert {held.device.type for held in map(next, map(plain_tensors, swapped.parameters()))} == {"cpu"}
        assert swapped.swap is not None
        assert {held.device.type for held in map(next, map(plain_tensors, swapped.parameters()))} == {"cuda"}
