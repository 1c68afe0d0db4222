from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.paths import MISSING
from schemas.spec import FieldSpec, find
from tests.tui.forms.support import small
from tui.forms.draft import Draft
from tui.forms.rows import build_rows
from tui.forms.values import bumped, editable, parse, plain, shown


def _spec(path: str) -> FieldSpec:
    return find(path)


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("optimization.steps", "2000", 2000),
        ("optimization.steps", "2_000", 2000),
        ("optimization.steps", "two", "two"),
        ("optimization.steps", "1.5", 1.5),
        ("optimization.steps", "9" * 40, 1e40),
        ("optimization.learning_rate", "1e-4", 1e-4),
        ("optimization.learning_rate", "nan", "nan"),
        ("optimization.learning_rate", "1e999", "1e999"),
        ("optimization.learning_rate", "", ""),
        ("checkpoints.interval", "", None),
        ("checkpoints.interval", "null", None),
        ("validation.video_dims", "960x544x89", [960, 544, 89]),
        ("validation.video_dims", "[960, 544, 89]", [960, 544, 89]),
        ("validation.video_dims", "960 544", [960, 544]),
        ("validation.stg_blocks", "28\n29\n", [28, 29]),
        ("lora.target_modules", "to_k\n\n to_q ", ["to_k", "to_q"]),
        ("lora.target_modules", "", []),
        ("model.model_path", " /a b/c.safetensors ", "/a b/c.safetensors"),
        ("model.load_checkpoint", "", None),
        ("hub.push_to_hub", "yes", True),
        ("validation.samples[0].prompt", "line one\n  [b]two[/b]\n", "line one\n  [b]two[/b]"),
    ],
)
def test_typed_text_means_what_its_field_says(path: str, text: str, value: Any) -> None:
    parsed = parse(_spec(path), text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_mappings_are_written_as_yaml() -> None:
    assert parse(None, "{a: 1, b: [x, 2.5]}") == {"a": 1, "b": ["x", 2.5]}
    assert parse(None, "a: 1\nb: on") == {"a": 1, "b": "on"}
    assert parse(None, "{a: ") == "{a:"


def test_what_an_editor_starts_with_reads_back_as_it_was() -> None:
    for row in build_rows(Draft.new(small())):
        if row.kind == "field" and row.value is not None:
            assert parse(row.spec, editable(row.spec, row.value)) == row.value, row.path


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_shown_exactly(value: float) -> None:
    assert float(plain(value)) == value


def test_bumping_stays_inside_the_bounds_and_goes_round_the_choices() -> None:
    rank = _spec("lora.rank")
    assert bumped(rank, 2, -1) == 2
    assert bumped(rank, 32, 1) == 33
    mode = _spec("model.training_mode")
    assert bumped(mode, "lora", 1) == "full"
    assert bumped(mode, "full", 1) == "lora"
    assert bumped(mode, "nonsense", 1) == "lora"
    quantization = _spec("acceleration.quantization")
    assert None in [bumped(quantization, choice, 1) for choice in quantization.choices]
    rate = _spec("optimization.learning_rate")
    assert bumped(rate, 1e-4, 1) == 2e-4
    assert bumped(rate, 1e-4, -1) == 5e-5
    share = _spec("lora.dropout")
    assert bumped(share, 0.0, 1) == 0.05
    assert bumped(share, 1.0, 1) == 1.0
    assert bumped(_spec("model.model_path"), "/a", 1) is MISSING
    assert bumped(_spec("lora.rank"), "text", 1) is MISSING


@given(st.integers(-(10**6), 10**6), st.sampled_from([1, -1]))
def test_bumped_whole_numbers_stay_whole(value: int, step: int) -> None:
    assert isinstance(bumped(_spec("seed"), value, step), int)


def test_cells_are_one_line_and_say_units() -> None:
    rows = {row.path: row for row in build_rows(Draft.new(small())) if row.selectable}
    assert shown(rows["optimization.steps"]) == "3000 steps"
    assert shown(rows["validation.samples"]) == "2 items"
    assert shown(rows["validation.samples[0]"]) == "a [red] fox"
    assert shown(rows["training_strategy.audio"]) == "off (null)"
    assert plain([1, "a", None, True, math.inf]) == "[1, a, null, true, inf]"
