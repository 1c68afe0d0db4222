"""Findings that depend on the card; a driver that answers is put on the path, so the real question is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import presets.memory
from schemas import validate
from tests.support.driver import write_driver
from tests.trainer.preflight.world import World, codes, only
from trainer.preflight import check
from trainer.preflight.rules_machine import compute_capability

Card = Callable[..., None]


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    """Give the driver's tool cards of 24 GB with these capabilities; without a call there is no tool."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    compute_capability.cache_clear()

    def answers(*capabilities: str) -> None:
        write_driver(tmp_path / "bin", *((24564, capability, "NVIDIA Test") for capability in capabilities))

    yield answers
    compute_capability.cache_clear()


def test_bf16_on_an_old_card(world: World, card: Card) -> None:
    card("8.9", "7.5")
    assert "7.5" in only(world.check(), "precision-old-card").message
    assert codes(world.check("acceleration.mixed_precision_mode=no")) == []


@pytest.mark.parametrize("answer", ["8.0", "12.0", "[N/A]"])
def test_a_card_that_can_or_does_not_say(world: World, card: Card, answer: str) -> None:
    card(answer)
    assert codes(world.check()) == []


def test_eight_bit_text_encoder_without_a_card(world: World, card: Card) -> None:
    eight = "acceleration.load_text_encoder_in_8bit=true"
    report = world.check(eight)
    assert "24 GB" in only(report, "text-encoder-not-8bit").message
    assert report.ok
    assert codes(world.check(eight, "validation.interval=null")) == []


def test_eight_bit_text_encoder_with_a_card(world: World, card: Card) -> None:
    card("8.9")
    assert codes(world.check("acceleration.load_text_encoder_in_8bit=true")) == []


@pytest.mark.parametrize("kind", ["int8-quanto", "fp8-quanto", "fp8uz-quanto", "nf4-bnb"])
def test_kinds_that_a_card_takes_without_a_word(world: World, card: Card, kind: str) -> None:
    card("8.9")
    assert codes(world.check(f"acceleration.quantization={kind}")) == []


@pytest.mark.parametrize("kind", ["fp8-quanto", "fp8uz-quanto", "int8-quanto"])
def test_eight_bit_floats_on_a_card_without_them(world: World, card: Card, kind: str) -> None:
    card("8.0")
    report = world.check(f"acceleration.quantization={kind}")
    assert codes(report) == (["quantization-old-card"] if kind != "int8-quanto" else [])
    assert report.ok


def test_a_kind_that_is_slow_everywhere(world: World) -> None:
    report = world.check("acceleration.quantization=int4-quanto")
    assert "several passes" in only(report, "quantization-slow").message
    assert report.ok


def test_a_streamed_text_encoder_needs_no_eight_bits(world: World, card: Card) -> None:
    both = ("acceleration.load_text_encoder_in_8bit=true", "acceleration.stream_text_encoder=true")
    assert codes(world.check(*both)) == []


def test_the_oldest_card_counts(card: Card) -> None:
    assert compute_capability() is None
    compute_capability.cache_clear()
    card("12.0", "8.6", "10.0")
    assert compute_capability() == (8, 6)


def test_a_run_that_cannot_fit_is_refused_with_the_nearest_that_does(world: World, card: Card) -> None:
    card("8.9")
    data = world.data()
    data["model"]["model_path"] = str(world.model.with_name("absent.safetensors"))
    data["data"]["preprocessed_data_root"] = str(world.model.with_name("absent"))
    found = next(problem for problem in check(validate(data)).problems if problem.code == "memory-card")
    assert found.severity == "error"
    assert found.exit_code == 4
    assert "24.0 GB" in found.message
    assert "the nearest that fits: acceleration." in found.hint


def test_a_run_that_fits_is_not_talked_about(world: World, card: Card) -> None:
    card("8.9")
    assert "memory-card" not in codes(world.check())
    small = presets.memory.Card("", 700 * 2**20)
    assert "memory-card" in codes(check(validate(world.data()), card=small))
