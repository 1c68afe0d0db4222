from __future__ import annotations

import pytest

import presets
from presets.gpus import Driver, Gpu
from presets.memory import GIB
from schemas.paths import MISSING
from tui.forms.draft import Draft
from tui.hardware.tiers import for_tier, tiers
from tui.hardware.view import HardwareView
from tui.hardware.weighing import Machine, Weight, proposals, weigh_draft, with_values

MACHINE = Machine(Driver((), None, "no driver"), 64 * GIB)


@pytest.mark.parametrize("size", presets.tiers())
@pytest.mark.parametrize("preset", ["t2v_lora", "video_extend_lora", "a2a_ic_lora"])
def test_a_draft_set_up_for_a_card_is_the_preset_of_that_tier(preset: str, size: int) -> None:
    draft = Draft.new(presets.load(preset), preset=preset)
    assert for_tier(draft, size) == presets.load(preset, vram=size)


def test_going_from_one_tier_to_another_leaves_nothing_of_the_first_and_keeps_what_is_mine() -> None:
    draft = Draft.new(presets.load("t2v_lora"), preset="t2v_lora")
    draft.set("optimization.steps", 123)
    draft.migrate(for_tier(draft, presets.tiers()[0]))
    draft.migrate(for_tier(draft, presets.tiers()[-1]))
    assert draft.get("optimization.steps") == 123
    draft.set("optimization.steps", presets.load("t2v_lora")["optimization"]["steps"])
    assert draft.data == presets.load("t2v_lora", vram=presets.tiers()[-1])


def test_without_a_preset_only_what_the_tier_sets_is_set() -> None:
    data = presets.load("t2v_lora")
    draft = Draft.new(data)
    changed = for_tier(draft, 32)
    assert changed["acceleration"]["quantization"] == "int8-quanto"
    assert changed["training_strategy"] == data["training_strategy"]


def test_every_tier_says_what_it_sets() -> None:
    words = {tier.size: tier.words() for tier in tiers()}
    assert list(words) == sorted(words)
    assert "rank 16" in words[32]
    assert "int8" in words[32]
    assert words[80] == "the preset as it is"


def test_a_model_of_few_blocks_is_asked_for_no_more_than_it_has() -> None:
    draft = Draft.new(presets.load("t2v_lora"), preset="t2v_lora")
    assert for_tier(draft, 16, 48)["acceleration"]["blocks_to_swap"] == 28
    assert for_tier(draft, 16, 4)["acceleration"]["blocks_to_swap"] == 4
    assert "4 blocks swapped" in tiers()[0].words(4)


def test_a_draft_is_weighed_and_its_tiers_beside_it() -> None:
    draft = Draft.new(presets.load("t2v_lora"), preset="t2v_lora")
    found = weigh_draft(draft.data, {32: for_tier(draft, 32)}, 32 * GIB)
    assert found.estimate is not None
    assert not found.estimate.fits(32 * GIB), "the published preset is for 80 GB"
    assert found.tiers[32] <= 28 * GIB
    wrong = weigh_draft({"model": 3}, {}, 32 * GIB)
    assert wrong.estimate is None
    assert wrong.problem


@pytest.mark.parametrize("wish", ["fastest", "best quality"])
def test_proposals_fit_when_they_say_so(wish: str) -> None:
    data = presets.load("t2v_lora")
    best = proposals(data, MACHINE, 32 * GIB, "fastest" if wish == "fastest" else "best quality")[0]
    assert best.fits
    after = with_values(data, {change.path: change.value for change in best.changes})
    weight = weigh_draft(after, {}, 32 * GIB)
    assert weight.estimate is not None
    assert weight.estimate.fits(32 * GIB)


def test_values_are_put_into_a_copy() -> None:
    data = {"lora": {"rank": 4}}
    assert with_values(data, {"lora.rank": 8, "acceleration.quantization": None}) == {
        "lora": {"rank": 8},
        "acceleration": {"quantization": None},
    }
    assert data == {"lora": {"rank": 4}}


def test_rows_for_cards_tiers_phases_and_levers_fit_every_width() -> None:
    draft = Draft.new(presets.load("t2v_lora", vram=32), preset="t2v_lora")
    gpu = Gpu(0, "A [red] \x1b[31m card", 32 * GIB, GIB, 3, (12, 0), "570")
    view = HardwareView(draft, 32 * GIB, Machine(Driver((gpu,), (12, 8)), 64 * GIB))
    for weight in (Weight(), weigh_draft(draft.data, {32: draft.data}, 32 * GIB)):
        view.weight = weight
        for width in (20, 60, 80, 200):
            view.rebuild(width)
            lines = [view.draw(index, width, index == 0) for index in range(len(view.items))]
            text = "\n".join("".join(part for part, _ in line) for line in lines)
            assert "\x1b" not in text
            assert "A [red]" in text or width == 20
    assert view.tier == 32
    assert draft.get("nothing") is MISSING
