"""The whole estimate: its arithmetic, its order of sizes, its speed."""

from __future__ import annotations

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
    advise,
    estimate,
)
from presets.memory import step as step_module

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
    assert set(plain) == {"fits", "assumed", "vram", "host", "disk"}
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


def test_advice_leads_to_a_fit_and_changes_only_what_helps() -> None:
    job = with_run(checkpointing=False, batch=2, rank=64)
    changes = advise(estimate(job), 41 * GIB)
    assert [change.path for change in changes][:2] == [
        "optimization.enable_gradient_checkpointing",
        "optimization.batch_size",
    ]
    assert changes[-1].peak_bytes <= 41 * GIB
    peaks = [change.peak_bytes for change in changes]
    assert peaks == sorted(peaks, reverse=True)
    assert advise(estimate(JOB), 80 * GIB) == ()


def test_advice_reaches_the_text_encoder() -> None:
    job = replace(with_run(quantization="int4-quanto"), validation=None)
    assert [change.path for change in advise(estimate(job), 16 * GIB)] == ["acceleration.load_text_encoder_in_8bit"]


def test_the_computation_takes_less_than_50_ms() -> None:
    times = []
    for rank in range(16, 26):
        step_module._training_stages.cache_clear()
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


def test_what_helps_only_after_another_change_is_found_too() -> None:
    job = replace(JOB, text=replace(JOB.text, in_8bit=False))
    found = advise(estimate(job), 24 * GIB)
    assert "acceleration.quantization" in {change.path for change in found}
    assert found[-1].peak_bytes < estimate(job).peak_bytes
