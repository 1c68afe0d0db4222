"""The whole estimate: its arithmetic, its order of sizes, its speed."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import pytest

from presets.memory import (
    GIB,
    PUBLISHED,
    ClipSize,
    JobShape,
    RunShape,
    SavingShape,
    TextShape,
    ValidationShape,
    estimate,
)
from presets.memory import step as step_module
from presets.memory.phases import block_bytes, group_size
from presets.memory.shapes import layout

CLIP = ClipSize(576, 576, 49)
JOB = JobShape(
    model=PUBLISHED["2.3"],
    run=RunShape(2268, 51, rank=16),
    clip=CLIP,
    validation=ValidationShape(CLIP, 2268, 51),
    text=TextShape(),
    saving=SavingShape(saves=8, keep=3, state="full"),
    assumed=("something",),
)
PHASES = ["text_encoding", "latent_encoding", "load", "training_step", "validation", "save"]


def with_run(**changes: object) -> JobShape:
    return replace(JOB, run=replace(JOB.run, **changes))  # type: ignore[arg-type]


def step_bytes(job: JobShape) -> int:
    return estimate(job).total("training_step")


def test_every_phase_is_there_and_the_worst_one_counts() -> None:
    found = estimate(JOB)
    assert list(found.phases) == PHASES
    assert found.allocated_bytes == max(found.total(phase) for phase in PHASES) == found.total(found.dominant)
    assert found.peak_bytes == pytest.approx(1.05 * found.allocated_bytes + 0.6 * GIB, rel=1e-9)
    assert found.fits(found.peak_bytes)
    assert not found.fits(found.peak_bytes - 1)


def test_json_is_stable() -> None:
    plain = estimate(JOB).as_json(80 * GIB)
    assert plain["fits"] is True
    assert plain["assumed"] == ["something"]
    assert set(plain) >= {"fits", "assumed", "vram", "host", "disk"}
    assert set(plain["vram"]) >= {"allocated_bytes", "peak_bytes", "phases"}
    assert plain["host"]["peak_bytes"] > 0
    assert plain["disk"]["bytes"] > 0
    assert estimate(JOB).as_json(None)["fits"] is None


def test_known_parts_of_the_training_step() -> None:
    found = estimate(JOB).phases["training_step"]
    assert found["weights"] == 2 * 18_988_838_144
    assert found["adapter"] == 4 * 106_954_752
    assert found["optimizer"] == 8 * 106_954_752
    assert found["recompute"] > found["workspace"]


@pytest.mark.parametrize(
    "change",
    [
        {"video_tokens": 4000},
        {"audio_tokens": 500},
        {"batch": 2},
        {"rank": 32},
        {"accumulation": 4},
        {"checkpointing": False},
        {"half": False},
        {"dropout": 0.1},
        {"mixed": ("video",)},
        {"mixed": ("audio",)},
        {"full": True},
        {"targets": ("to_k", "to_q", "to_v", "to_out.0", "ff.net.2")},
    ],
    ids=str,
)
def test_more_needs_more(change: dict[str, object]) -> None:
    assert step_bytes(with_run(**change)) > step_bytes(JOB)


@pytest.mark.parametrize(
    "change",
    [
        {"video_tokens": 0},
        {"audio_tokens": 0},
        {"text_tokens": 256},
        {"optimizer": "adamw8bit"},
        {"quantization": "int8-quanto"},
        {"targets": ("attn1.to_k",)},
    ],
    ids=str,
)
def test_less_needs_less(change: dict[str, object]) -> None:
    assert step_bytes(with_run(**change)) < step_bytes(JOB)


def test_fewer_bits_are_smaller() -> None:
    kinds = (None, "int8-quanto", "int4-quanto", "int2-quanto")
    sizes = [estimate(with_run(quantization=kind)).phases["load"]["weights"] for kind in kinds]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.03)
    assert sizes[2] == pytest.approx(sizes[0] / 4, rel=0.15)


def test_full_training_is_mostly_weights_gradients_and_state() -> None:
    found = estimate(with_run(full=True)).phases["training_step"]
    assert found["adapter"] == 0
    assert found["optimizer"] == 2 * found["weights"] == 8 * 18_988_838_144
    assert found["gradients"] == pytest.approx(found["weights"], rel=0.05)


def test_an_average_is_one_more_copy_of_the_adapters() -> None:
    plain, averaged = estimate(JOB), estimate(with_run(averaged=True))
    phases = [found.phases["training_step"] for found in (plain, averaged)]
    assert phases[1]["adapter"] == 2 * phases[0]["adapter"]
    assert phases[1]["optimizer"] == phases[0]["optimizer"]
    sizes = [found.as_json(None)["disk"]["bytes"] for found in (plain, averaged)]
    # Each save holds the average in fp32 and its export in bf16.
    assert sizes[1] - sizes[0] == (4 + 2) * 106_954_752 * min(JOB.saving.saves, JOB.saving.keep + 1)


def test_accumulated_gradients_are_there_all_the_time() -> None:
    once, often = estimate(JOB).phases["training_step"], estimate(with_run(accumulation=2)).phases["training_step"]
    assert often["gradients"] == often["adapter"]
    assert often["activations"] == once["activations"]


def test_saved_files() -> None:
    rank_16 = 106_954_752
    full = estimate(JOB).disk_bytes
    assert full == 4 * rank_16 * (4 + 8 + 2)
    minimal = estimate(replace(JOB, saving=SavingShape(saves=1, keep=3, state="minimal"))).disk_bytes
    assert minimal == rank_16 * (4 + 2)
    everything = estimate(replace(JOB, saving=SavingShape(saves=8, keep=-1, state="off", fp32=True))).disk_bytes
    assert everything == 8 * rank_16 * 4


def test_offloading_moves_the_state_to_the_host() -> None:
    assert JOB.validation is not None
    job = replace(with_run(full=True), validation=replace(JOB.validation, offload_optimizer=True))
    here, there = estimate(with_run(full=True)), estimate(job)
    assert here.total("validation") - there.total("validation") == 8 * 18_988_838_144
    assert there.host_bytes >= 8 * 18_988_838_144


def test_the_computation_takes_less_than_50_ms() -> None:
    times = []
    for rank in range(16, 26):
        step_module._simulated.cache_clear()
        step_module._forward_stage.cache_clear()
        start = time.process_time()
        estimate(with_run(rank=rank))
        times.append(time.process_time() - start)
    assert min(times) < 0.05


def test_one_block_and_no_bridge() -> None:
    model = replace(PUBLISHED["2.3"], layers=1)
    found = estimate(replace(JOB, model=model, run=replace(JOB.run, video_tokens=0), clip=None, validation=None))
    assert found.total("training_step") > 0
    assert "latent_encoding" not in found.phases
    assert "validation" not in found.phases


def test_swapped_blocks_leave_their_weights_on_the_host() -> None:
    job = with_run(quantization="int8-quanto")
    here, there = estimate(job), estimate(with_run(quantization="int8-quanto", swapped=12))
    block = block_bytes(layout(JOB.model), job.run)
    for phase in ("load", "training_step", "validation", "save"):
        # Two places for them to land in stay.
        assert here.phases[phase]["weights"] - there.phases[phase]["weights"] == 10 * block
    assert there.host["training_step"] - here.host["training_step"] == 12 * block
    assert there.phases["text_encoding"] == here.phases["text_encoding"]


@pytest.mark.parametrize("swapped", [1, 2])
def test_swapping_as_many_as_there_are_places_saves_nothing(swapped: int) -> None:
    assert step_bytes(with_run(swapped=swapped)) == step_bytes(JOB)


def test_blocks_that_keep_their_activations_cost_memory_in_proportion() -> None:
    sizes = [step_bytes(with_run(recomputed=count)) for count in (48, 40, 32, 24)]
    steps = [later - earlier for earlier, later in itertools.pairwise(sizes)]
    assert steps[0] > 4 * GIB
    assert steps[1] == steps[2]
    assert step_bytes(with_run(recomputed=0)) == step_bytes(with_run(checkpointing=False))
    assert step_bytes(with_run(recomputed=None)) == sizes[0]


def test_gates_are_not_quantized() -> None:
    ungated = replace(JOB.model, gated=False)
    saved = [
        block_bytes(layout(model), JOB.run) - block_bytes(layout(model), replace(JOB.run, quantization="int8-quanto"))
        for model in (JOB.model, ungated)
    ]
    assert saved[0] == saved[1]


@pytest.mark.parametrize(("width", "group"), [(4096, 128), (96, None), (192, 96), (160, 32), (150, None)])
def test_groups_of_low_bits(width: int, group: int | None) -> None:
    assert group_size(width) == group


def test_a_streamed_text_encoder_is_two_layers() -> None:
    whole, eight, streamed = (
        estimate(replace(JOB, text=text)) for text in (TextShape(), TextShape(in_8bit=True), TextShape(streamed=True))
    )
    sizes = [found.total("text_encoding") for found in (whole, eight, streamed)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[2] < 4 * GIB
    assert streamed.host["text_encoding"] > whole.host["text_encoding"]


def test_a_small_text_encoder_is_small() -> None:
    parts = replace(JOB.model.parts, text_encoder=10_000_000, text_embedding=1_000_000, text_hidden=64, text_states=5)
    found = estimate(replace(JOB, model=replace(JOB.model, parts=replace(parts, extractor=1_000_000))))
    assert found.phases["text_encoding"]["weights"] < 5 * GIB


def test_decoding_beside_a_model_that_steps_aside() -> None:
    assert JOB.validation is not None
    job = replace(JOB, model=PUBLISHED["2.5"])
    aside = replace(job, validation=replace(JOB.validation, aside=True))
    assert estimate(job).total("validation") - estimate(aside).total("validation") > 4 * GIB
    assert estimate(aside).host["validation"] > estimate(job).host["validation"] + 30 * GIB
