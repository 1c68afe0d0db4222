from __future__ import annotations

from tests.tui.forms.support import small
from tui.forms.doc import doc_lines
from tui.forms.draft import Draft
from tui.forms.rows import build_rows
from tui.text import width_of


def test_every_row_says_its_path_and_fits_its_pane() -> None:
    draft = Draft.new(small())
    for row in build_rows(draft):
        if not row.selectable:
            continue
        for width in (30, 76):
            lines = doc_lines(draft, row, (), width)
            text = "\n".join("".join(part for part, _ in line) for line in lines)
            assert row.path in text
            assert all(width_of(line) <= max(width, len(row.path)) for line in lines), row.path


def test_problems_come_first_with_what_to_do() -> None:
    draft = Draft.new(small())
    draft.set("lora.rank", 1)
    row = next(row for row in build_rows(draft) if row.path == "lora.rank")
    lines = doc_lines(draft, row, draft.problems_at("lora.rank"), 60)
    assert lines[0][0][1] == "bad"
    assert "at least 2" in lines[0][0][0]


def test_bounds_unit_and_default_are_told() -> None:
    draft = Draft.new(small())
    row = next(row for row in build_rows(draft) if row.path == "optimization.steps")
    text = " ".join("".join(part for part, _ in line) for line in doc_lines(draft, row, (), 76))
    assert "whole number" in text
    assert "in steps" in text
    assert "default: 3000" in text
