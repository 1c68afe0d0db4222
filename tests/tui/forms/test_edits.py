from __future__ import annotations

from typing import Any

from schemas import validate
from tests.tui.forms.support import small
from tui.forms import edits
from tui.forms.draft import Draft
from tui.forms.rows import Row, build_rows


def _row(draft: Draft, path: str) -> Row:
    return next(row for row in build_rows(draft) if row.selectable and row.path == path)


def test_a_value_inside_an_absent_section_changes_nothing_else() -> None:
    data = small()
    del data["training_strategy"]
    before = validate(data).model_dump(mode="json")
    draft = Draft.new(data)
    edits.assign(draft, "training_strategy.video.conditions[0].probability", 0.9)
    after = validate(draft.data).model_dump(mode="json")
    before["training_strategy"]["video"]["conditions"][0]["probability"] = 0.9
    assert after == before


def test_an_ordinary_absent_section_is_not_spelled_out() -> None:
    draft = Draft.new(small())
    edits.assign(draft, "optimization.steps", 7)
    assert draft.data["optimization"] == {"steps": 7}


def test_a_verdict_names_the_field_or_what_it_breaks_elsewhere() -> None:
    draft = Draft.new(small())
    assert edits.verdict(draft, "lora.rank", 16) == ""
    assert "at least 2" in edits.verdict(draft, "lora.rank", 1)
    assert edits.verdict(draft, "lora", None).startswith("training_mode lora needs")
    assert draft.get("lora.rank") == 32


def test_old_problems_elsewhere_are_not_this_fields_fault() -> None:
    data = small()
    data["optimization"] = {"steps": "many"}
    assert edits.verdict(Draft.new(data), "lora.rank", 16) == ""


def test_adding_choosing_another_kind_moving_and_removing_items() -> None:
    draft = Draft.new(small())
    path = "training_strategy.video.conditions"
    assert edits.add_item(draft, _row(draft, path), "reference") == f"{path}[2]"
    assert edits.change_kind(draft, _row(draft, f"{path}[1]"), "suffix")
    kept = draft.get(f"{path}[1]")
    assert kept == {"type": "suffix", "temporal_boundary": 8, "probability": 0.25}, "fields of the same name are kept"
    assert edits.change_kind(draft, _row(draft, f"{path}[1]"), "first_frame")
    assert "temporal_boundary" not in draft.get(f"{path}[1]")
    assert edits.shift(draft, _row(draft, f"{path}[0]"), 1) == f"{path}[1]"
    assert edits.shift(draft, _row(draft, f"{path}[0]"), -1) is None
    assert edits.remove(draft, _row(draft, f"{path}[2]"))
    assert [item["type"] for item in draft.get(path)] == ["first_frame", "first_frame"]


def test_every_kind_of_item_can_be_added_everywhere() -> None:
    data: dict[str, Any] = small()
    data["training_strategy"]["audio"] = {"is_generated": True, "latents_dir": "audio_latents"}
    for row in [row for row in build_rows(Draft.new(data)) if row.kind == "list"]:
        assert row.spec is not None
        assert row.spec.item is not None
        tags: list[str | None] = [variant.tag for variant in row.spec.item.variants]
        for tag in tags or [None]:
            draft = Draft.new(data)
            path = edits.add_item(draft, _row(draft, row.path), tag)
            assert _row(draft, path or "").kind == "item"


def test_optional_sections_switch_on_with_what_they_need_and_off() -> None:
    draft = Draft.new(small())
    edits.toggle_section(draft, _row(draft, "training_strategy.audio"))
    assert draft.problems == ()
    assert _row(draft, "training_strategy.audio").value["latents_dir"]
    edits.remove(draft, _row(draft, "training_strategy.audio"))
    assert draft.get("training_strategy.audio") is None
    edits.toggle_section(draft, _row(draft, "lora"))
    edits.toggle_section(draft, _row(draft, "lora"))
    assert draft.problems == ()


def test_reset_goes_back_to_the_default_and_spares_items() -> None:
    draft = Draft.new(small())
    edits.assign(draft, "optimization.steps", 5)
    assert edits.reset(draft, _row(draft, "optimization.steps"))
    assert _row(draft, "optimization.steps").value == 3000
    assert not edits.reset(draft, _row(draft, "validation.samples[0]"))


def test_unknown_keys_can_be_removed() -> None:
    data = small()
    data["lora"]["aplha"] = 1
    draft = Draft.new(data)
    assert edits.remove(draft, _row(draft, "lora.aplha"))
    assert draft.problems == ()
