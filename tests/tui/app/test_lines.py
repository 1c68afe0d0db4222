from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from tui.text import Line, cells_of, changed_spans, clean_line, fit, width_of

_text = st.text(alphabet=string.ascii_letters + " [/]äß日本🙂é" + "e\u0301", max_size=12)
_line = st.lists(st.tuples(_text, st.sampled_from(["text", "bad"])), max_size=4).map(tuple)


@given(_text, st.integers(0, 20), st.booleans())
def test_fitted_text_is_exactly_as_wide_as_asked(text: str, width: int, keep_end: bool) -> None:
    assert width_of(((fit(text, width, keep_end=keep_end), "text"),)) == width


@given(_line, _line)
def test_every_differing_cell_lies_inside_the_changed_span(old: Line, new: Line) -> None:
    spans = changed_spans(old, new)
    before, after = list(cells_of(old)), list(cells_of(new))
    length = max(len(before), len(after))
    before += [(" ", "text")] * (length - len(before))
    after += [(" ", "text")] * (length - len(after))
    different = [x for x in range(length) if before[x] != after[x]]
    painted = {x for start, end in spans for x in range(start, end)}
    assert set(different) <= painted
    assert bool(different) == bool(spans)


@given(_line)
def test_equal_lines_change_nothing(line: Line) -> None:
    assert changed_spans(line, (*line,)) == []


def test_a_line_of_a_log_cannot_command_the_terminal() -> None:
    hostile = "\x1b]52;c;ZXZpbA==\x07a\x1b[2Jb\x1b[31mc\x9b31md\r\x00\x07e"
    cleaned = clean_line(hostile)
    assert all(char.isprintable() for char in cleaned)
    assert cleaned.replace(" ", "").startswith("abc")


def test_ends_are_kept_where_they_matter() -> None:
    assert fit("/very/long/path/model.safetensors", 12, keep_end=True) == "…safetensors"
    assert fit("/very/long/path", 6) == "/very…"
