from __future__ import annotations

from typing import Any

import presets
from schemas.spec import fields
from tests.tui.forms.support import small
from tui.forms.draft import Draft
from tui.forms.rows import Row, build_rows


def _rows(data: dict[str, Any]) -> dict[str, Row]:
    return {row.path: row for row in build_rows(Draft.new(data)) if row.selectable}


def test_every_field_of_the_schema_can_be_reached() -> None:
    data = small()
    data["training_strategy"]["audio"] = {"is_generated": True, "latents_dir": "audio_latents"}
    reached = {path.replace("[0]", "[]").replace("[1]", "[]") for path in _rows(data)}
    missing = [spec.path for spec in fields() if spec.path not in reached and not spec.variant_by]
    assert missing == []


def test_every_preset_becomes_rows_without_unknown_keys() -> None:
    for name in presets.names():
        rows = build_rows(Draft.new(presets.load(name)))
        assert [row.path for row in rows if row.kind == "unknown"] == [], name
        assert len({row.path for row in rows if row.selectable}) == len([row for row in rows if row.selectable])


def test_items_of_lists_bring_the_fields_of_their_kind() -> None:
    rows = _rows(small())
    assert rows["training_strategy.video.conditions[1]"].title == "2. prefix"
    assert "training_strategy.video.conditions[1].temporal_boundary" in rows
    assert "training_strategy.video.conditions[0].temporal_boundary" not in rows


def test_an_absent_section_shows_what_its_absence_means() -> None:
    data = small()
    del data["training_strategy"]
    rows = _rows(data)
    assert rows["training_strategy.video"].value is not None
    assert not rows["training_strategy.video"].given
    assert rows["training_strategy.video.conditions[0].probability"].value == 0.1


def test_parameters_follow_the_field_they_depend_on() -> None:
    data = small()
    data["optimization"] = {"scheduler_type": "step"}
    assert "optimization.scheduler_params.step_size" in _rows(data)
    data["optimization"] = {"scheduler_type": "polynomial"}
    assert "optimization.scheduler_params.power" in _rows(data)
    assert "optimization.scheduler_params.step_size" not in _rows(data)


def test_what_does_not_matter_now_is_said() -> None:
    data = small()
    assert not _rows(data)["wandb.project"].relevant
    data["wandb"] = {"enabled": True}
    assert _rows(data)["wandb.project"].relevant


def test_changed_means_different_from_the_default() -> None:
    data = small()
    data["seed"] = 42
    data["optimization"] = {"steps": 2999, "max_grad_norm": 1}
    rows = _rows(data)
    assert not rows["seed"].changed
    assert not rows["optimization.max_grad_norm"].changed, "1 and 1.0 are the same setting"
    assert rows["optimization.steps"].changed
    assert rows["lora"].changed
    assert not rows["training_strategy.audio"].changed


def test_keys_nobody_knows_are_rows_that_can_be_removed() -> None:
    data = small()
    data["lora"]["aplha"] = 3
    data["extra"] = {"a": 1}
    data["validation"]["samples"][0]["promt"] = "x"
    unknown = {path for path, row in _rows(data).items() if row.kind == "unknown"}
    assert unknown == {"lora.aplha", "extra", "validation.samples[0].promt"}
    assert all(_rows(data)[path].removable for path in unknown)


def test_values_of_wrong_shape_are_rows_too() -> None:
    data: dict[str, Any] = small()
    data["lora"] = "yes"
    data["validation"] = {"samples": "none"}
    data["training_strategy"]["video"]["conditions"] = ["first_frame", {"type": "nonsense"}]
    data["optimization"] = 3
    rows = _rows(data)
    assert rows["lora"].value == "yes"
    assert rows["validation.samples"].value == "none"
    assert rows["training_strategy.video.conditions[0]"].value == "first_frame"
