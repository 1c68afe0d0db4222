from __future__ import annotations

from tests.tui.forms.support import small
from tui.forms.draft import Draft
from tui.forms.grid import GridView, grid_line
from tui.text import width_of


def _view(draft: Draft | None = None) -> GridView:
    view = GridView(draft or Draft.new(small()))
    view.rebuild()
    return view


def _paths(view: GridView) -> list[str]:
    return [row.path for row in view.rows if row.selectable]


def test_lines_are_exactly_as_wide_as_the_grid() -> None:
    draft = Draft.new(small())
    draft.set("lora.rank", "日本語" * 20)
    view = _view(draft)
    for width in (1, 5, 20, 40, 79, 160):
        for index in range(len(view.rows)):
            line = grid_line(view, index, width, current=index % 2 == 0)
            assert width_of(line) <= max(width, 24), (width, view.rows[index].path)
            if width >= 40:
                assert width_of(line) == width or view.rows[index].kind == "group"


def test_advanced_fields_are_hidden_until_asked_for_changed_or_wrong() -> None:
    view = _view()
    assert "seed" not in _paths(view)
    view.advanced = True
    view.rebuild()
    assert "seed" in _paths(view)
    view.advanced = False
    view.draft.set("seed", "x")
    view.rebuild()
    assert "seed" in _paths(view)


def test_a_field_that_is_gone_to_is_in_sight_though_it_is_advanced_or_an_item_of_a_list() -> None:
    view = _view()
    assert "validation.stg_blocks" not in _paths(view)
    view.rebuild(keep="validation.stg_blocks[0]")
    assert view.path_at(view.index_of("validation.stg_blocks[0]")) == "validation.stg_blocks"


def test_finding_shows_where_the_found_field_stands() -> None:
    view = _view()
    view.words = "prompt"
    view.rebuild()
    paths = _paths(view)
    assert "validation.samples[1].prompt" in paths
    assert "validation.samples[1]" in paths
    assert "lora.rank" not in paths
    view.words = "no such thing anywhere"
    view.rebuild()
    assert view.rows == []


def test_only_errors_and_only_changed() -> None:
    draft = Draft.new(small())
    draft.set("lora.rank", 1)
    view = _view(draft)
    view.only_errors = True
    view.rebuild()
    assert _paths(view) == ["lora", "lora.rank"]
    view.only_errors, view.only_changed = False, "default"
    view.rebuild()
    assert "lora.alpha" in _paths(view)
    assert "optimization.steps" not in _paths(view)


def test_problems_of_places_without_a_row_stand_at_the_nearest_row() -> None:
    draft = Draft.new(small())
    draft.set("validation.samples[0].conditions", [{"type": "nonsense"}])
    view = _view(draft)
    assert draft.problems
    for problem in draft.problems:
        assert any(problem in view.problems_of(row) for row in view.rows), problem


def test_next_error_goes_round_and_finds_hidden_rows() -> None:
    draft = Draft.new(small())
    draft.set("lora.rank", 1)
    draft.set("optimization.steps", "x")
    view = _view(draft)
    first = view.next_problem(0)
    assert first == "lora.rank"
    second = view.next_problem(view.index_of("lora.rank"))
    assert second == "optimization.steps"
    assert view.next_problem(view.index_of("optimization.steps")) == "lora.rank"
    assert _view().next_problem(0) is None


def test_a_rebuild_says_which_rows_look_different() -> None:
    draft = Draft.new(small())
    view = _view(draft)
    draft.set("lora.rank", 1)
    assert view.rebuild()
    altered = {view.rows[index].path for index in view.altered if view.rows[index].kind != "group"}
    assert altered == {"lora", "lora.rank"} or altered == {"lora.rank"}
    draft.set("validation.samples", [])
    assert not view.rebuild()


def test_sections_can_be_walked() -> None:
    view = _view()
    starts = []
    index = view.next_section(0, 1)
    while index is not None and index not in starts:
        starts.append(index)
        index = view.next_section(index, 1)
    assert starts == sorted(starts)
    assert len(starts) >= 10
