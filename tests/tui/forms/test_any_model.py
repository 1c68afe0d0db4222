"""What is not written for one configuration works for any: declaring a field is all there is to do."""

from __future__ import annotations

from pydantic import create_model

from schemas import LtxTrainerConfig, render_yaml
from schemas.explaining import explain_text, markdown
from schemas.json_schema import json_schema
from schemas.setting import setting
from schemas.spec import fields, find
from tests.tui.forms.support import small
from tests.tui.forms.toy import Toy
from tui.forms.doc import dependents, doc_lines
from tui.forms.draft import Draft
from tui.forms.grid import GridView
from tui.forms.rows import build_rows


def test_every_field_of_a_strange_model_has_a_row_and_a_page() -> None:
    draft = Draft.new({"pets": [{"type": "dog", "name": "Rex"}], "wheels": [{}], "trailer": {}}, model=Toy)
    assert draft.problems == ()
    rows = {row.path: row for row in build_rows(draft)}
    assert {spec.path for spec in fields(Toy)} <= set(rows)
    assert rows["pets[0].name"].value == "Rex"
    assert rows["wheels[0].size"].value == 16
    for row in rows.values():
        if row.selectable and row.spec is not None and row.kind != "item":
            text = "\n".join("".join(part for part, _ in line) for line in doc_lines(draft, row, (), 60))
            assert row.spec.description in text
    assert dependents(Toy) == {"engine.turbo": ("engine.boost",)}


def test_a_problem_of_two_fields_is_shown_at_both() -> None:
    draft = Draft.new({"fuel": "none", "engine": {"turbo": True}}, model=Toy)
    view = GridView(draft)
    view.rebuild()
    shown = {row.path for row in view.rows if view.problems_of(row)}
    assert shown == {"fuel", "engine.turbo"}
    assert len(draft.problems) == 1


def test_fields_that_disagree_are_all_marked_in_the_real_configuration() -> None:
    draft = Draft.new(small())
    draft.set("acceleration.quantization", "int8-quanto")
    draft.set("model.training_mode", "full")
    view = GridView(draft)
    view.rebuild()
    assert {"acceleration.quantization", "model.training_mode"} <= {r.path for r in view.rows if view.problems_of(r)}


def test_one_more_field_in_the_schema_is_everywhere_at_once() -> None:
    shine = setting(3, title="Shine", text="How brightly the result glistens", ge=0, le=9, unit="lumen", quality="more")
    extended = create_model("Extended", __base__=LtxTrainerConfig, shine=(int, shine))

    draft = Draft.new({**small(), "shine": 12}, model=extended)
    assert [(problem.path, problem.message) for problem in draft.problems] == [("shine", "must be at most 9, not 12")]
    row = next(row for row in build_rows(draft) if row.path == "shine")
    page = "\n".join("".join(part for part, _ in line) for line in doc_lines(draft, row, (), 60))
    for words in ("glistens", "whole number", "0 to 9", "lumen", "default: 3", "quality: more"):
        assert words in page

    assert "# How brightly the result glistens [0 to 9; lumen]\nshine: 3\n" in render_yaml(small(), model=extended)
    assert "How brightly the result glistens" in "\n".join(explain_text(find("shine", extended)))
    assert "## `shine`\n\nHow brightly the result glistens." in markdown(extended)
    assert json_schema(extended)["properties"]["shine"]["maximum"] == 9
