"""Verdicts over recorded curves. ``curves/`` holds what real runs of the demo logged; the rest is made here."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import orjson
import pytest

from tui.monitor import thresholds
from tui.monitor.model import RunView
from tui.monitor.verdict import findings, verdict

CURVES = Path(__file__).parent / "curves"
DOCUMENT = Path(__file__).parents[3] / "docs" / "verdicts.md"
GIB = 2**30


def _recorded(name: str, steps: int | None = None) -> RunView:
    lines = (CURVES / f"{name}.jsonl").read_bytes().splitlines()[:steps]
    view = RunView()
    view.take([{"type": "metric", "t": float(number), **orjson.loads(line)} for number, line in enumerate(lines)])
    return view


def _made(
    steps: int,
    seed: int = 0,
    others: Mapping[str, Callable[[int], float]] | None = None,
    **curves: Callable[[int], float],
) -> RunView:
    """A run whose loss is noise around 0.3, where ``curves`` and ``others`` do not say otherwise."""
    noise = random.Random(seed)
    view = RunView()
    for step in range(1, steps + 1):
        metrics = {"loss": 0.3 + noise.gauss(0, 0.05), "grad_norm": 0.5 + abs(noise.gauss(0, 0.1))}
        metrics |= {"step_seconds": 2.0, "data_seconds": 0.02, "lr": 1e-4}
        metrics |= {name: curve(step) for name, curve in {**curves, **(others or {})}.items()}
        view.take([{"type": "metric", "t": float(step), "step": step, "metrics": metrics}])
    return view


def _falling(noise: float = 0.05, seed: int = 1) -> Callable[[int], float]:
    draw = random.Random(seed)
    return lambda step: 0.2 + 0.4 * math.exp(-step / 300) + draw.gauss(0, noise)


@pytest.mark.parametrize(
    ("name", "steps", "kind"),
    [
        ("demo", 40, "too-early"),
        ("demo", 120, "falling"),
        ("demo", 300, "flat"),
        ("rate_raised", 100, "falling"),
        ("rate_raised", None, "setback"),
        ("rate_too_low", None, "flat"),
    ],
)
def test_real_runs(name: str, steps: int | None, kind: str) -> None:
    found = verdict(_recorded(name, steps))
    assert found.kind == kind, found


def test_a_flat_end_is_told_from_a_flat_start() -> None:
    late, never = verdict(_recorded("demo")), verdict(_recorded("rate_too_low"))
    assert "after it fell" in late.words
    assert "since the start" in never.words
    assert "higher learning rate" in never.remedy


def test_a_noisy_loss_that_falls_is_learning() -> None:
    found = verdict(_made(400, loss=_falling()))
    assert (found.kind, found.style) == ("falling", "good")
    assert "standard errors" in found.reason


@pytest.mark.parametrize("seed", range(8))
def test_noise_alone_is_neither_learning_nor_alarming(seed: int) -> None:
    assert [one.kind for one in findings(_made(500, seed))] == ["flat"]


def test_early_steps_and_warm_up_say_nothing() -> None:
    assert verdict(_made(40)).kind == "too-early"
    assert verdict(_made(150), warmup=200).kind == "too-early"
    assert verdict(RunView()).kind == "too-early"


def test_a_loss_that_is_no_number() -> None:
    found = verdict(_made(200, loss=lambda step: math.nan if step > 190 else 0.3))
    assert (found.kind, found.style) == ("non-finite", "bad")
    assert "10 values" in found.reason
    assert verdict(_made(200, loss=lambda step: math.nan if step == 20 else 0.3)).kind == "flat", "that is long ago"


def test_a_loss_that_climbs_away() -> None:
    found = verdict(_made(300, loss=lambda step: 0.3 if step < 250 else 0.3 + (step - 250) * 0.02))
    assert found.kind == "diverging"
    assert "times its best" in found.words
    slow = verdict(_made(300, loss=lambda step: 0.3 + step * 1e-4 + 1e-3 * (step % 7)))
    assert slow.kind == "rising"


def test_gradients_that_explode() -> None:
    found = verdict(_made(300, grad_norm=lambda step: 0.5 if step < 290 else 40.0))
    assert (found.kind, "gradients" in found.words) == ("diverging", True)


def test_a_lora_that_changes_nothing() -> None:
    view = _made(30, lora_delta_rms=lambda _step: 0.0, lr=lambda _step: 0.0)
    found = verdict(view)
    assert found.kind == "lora-zero"
    assert "learning rate 0" in found.reason
    assert verdict(_made(30, lora_delta_rms=lambda _step: 1e-5)).kind == "too-early"


def test_memory_near_the_edge() -> None:
    card: dict[str, Callable[[int], float]] = {
        "memory_reserved": lambda _step: 31.0 * GIB,
        "memory_total": lambda _step: 32.0 * GIB,
    }
    found = verdict(_made(100, others=card))
    assert found.kind == "memory"
    assert "31.0 of 32.0 GB" in found.words
    host = _made(100, host_rss=lambda _step: 60.0 * GIB, host_available=lambda _step: 1.0 * GIB)
    assert "host memory" in verdict(host).words
    roomy = _made(100, host_rss=lambda _step: 60.0 * GIB, host_available=lambda _step: 8.0 * GIB)
    assert verdict(roomy).kind == "flat"


def test_waiting_for_data() -> None:
    found = verdict(_made(100, data_seconds=lambda _step: 0.9))
    assert found.kind == "waiting-for-data"
    assert "45 %" in found.words


def test_audio_that_does_not_move_while_video_learns() -> None:
    noise = random.Random(3)
    still: Callable[[int], float] = lambda _step: 1.2 + noise.gauss(0, 0.1)  # noqa: E731
    modes = {"loss/video": _falling(), "loss/audio": still}
    assert verdict(_made(400, others=modes)).kind == "audio-flat"
    both = {"loss/video": _falling(), "loss/audio": _falling(seed=9)}
    assert "audio-flat" not in [one.kind for one in findings(_made(400, others=both))]


def test_overfitting_shows_on_held_out_clips() -> None:
    view = RunView()
    fall = _falling(noise=0.01)
    for step in range(1, 801):
        metrics = {"loss": fall(step)}
        if step % 100 == 0:
            metrics["validation_loss"] = 0.4 + 0.3 * abs(step - 300) / 500
        view.take([{"type": "metric", "t": float(step), "step": step, "metrics": metrics}])
    assert verdict(view).kind == "overfitting"


@pytest.mark.parametrize("state", ["crashed", "failed", "stalled", "paused", "waiting"])
def test_the_state_of_the_run_comes_first(state: str) -> None:
    found = findings(_made(200, loss=lambda step: math.nan if step > 190 else 0.3), state)
    assert found[0].kind == state
    assert found[1].kind == "non-finite"


@pytest.mark.parametrize("state", ["running", "finished", "stopped"])
def test_other_states_leave_the_word_to_the_curves(state: str) -> None:
    assert verdict(_made(400, loss=_falling()), state).kind == "falling"


def test_a_long_run_in_wide_bins_is_judged_like_a_short_one() -> None:
    view = RunView()
    fall = _falling()
    view.columns.take([(step, {"loss": fall(step // 50)}) for step in range(40_000)])
    assert view.columns.width > 1
    assert verdict(view).kind == "falling"


def test_the_document_states_every_threshold() -> None:
    text = DOCUMENT.read_text()
    for name in (
        "EARLY_STEPS", "LEAST_WINDOW", "CERTAIN", "SMALL", "DIVERGED", "GRADIENT_JUMP", "RECENT", "MEMORY_EDGE",
        "HOST_EDGE", "WAITING", "UNTRAINED", "OVERFIT", "SETBACK", "SURE", "SETTLING",
    ):  # fmt: skip
        value = getattr(thresholds, name)
        spelled = f"{100 * value:g} %" if value in {0.02, 0.95, 0.05, 0.2} else f"{value:g}"
        assert f"`{name}` = {spelled}" in text, name


@pytest.mark.parametrize("state", ["finished", "stopped"])
def test_a_short_run_that_has_ended_gets_what_can_be_said(state: str) -> None:
    found = verdict(_made(20, loss=lambda step: 0.5 - step * 0.01), state)
    assert found.words == "the loss fell from 0.47 to 0.32 over 20 steps; too short to judge further"
    assert verdict(_made(2), state).words == "ended after 2 steps: too short to judge"
    assert "before its first step" in verdict(RunView(), state).words
