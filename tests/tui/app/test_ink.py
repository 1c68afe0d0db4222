from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.app.glyphs import SIGNS, plain_signs
from tui.app.ink import PLAIN, State, _after, economical

_colour = st.sampled_from(["default", "red", "bright_blue", "#102030", "#a0b0c0", "color(200)"])
_style = st.builds(
    Style, color=_colour, bgcolor=_colour, bold=st.booleans(), dim=st.booleans(), underline=st.booleans(),
    reverse=st.booleans(), italic=st.booleans(),
)  # fmt: skip
_piece = st.tuples(st.text("ab ─日", min_size=1, max_size=4), _style)
CONSOLE = Console(color_system="truecolor", force_terminal=True, no_color=False, legacy_windows=False)


def cells(output: str) -> tuple[list[tuple[str, State]], State]:
    """Each character or cursor move with the style it is written in, and the style left behind."""
    state, seen = PLAIN, []
    for sgr, move, char in re.findall(r"\x1b\[([\d;]*)m|(\x1b\[\d+;\d+H)|(.)", output):
        if char:
            seen.append((char, state))
        elif move:
            seen.append((move, PLAIN))  # a move looks the same in any style
        else:
            following = _after(state, sgr)
            assert following is not None
            state = following
    return seen, state


@given(st.lists(st.one_of(_piece, st.tuples(st.integers(1, 99), st.integers(1, 99))), max_size=12))
def test_the_same_cells_with_fewer_codes(pieces: list[tuple[object, object]]) -> None:
    output = ""
    for first, second in pieces:
        if isinstance(first, str) and isinstance(second, Style):
            output += Strip([Segment(first, second)]).render(CONSOLE)
        else:
            output += f"\x1b[{first};{second}H"
    short = economical(output)
    assert cells(short)[0] == cells(output)[0]
    assert cells(short)[1] == PLAIN, "whoever writes next finds the plain style"
    assert len(short) <= len(output)


def test_what_is_not_known_is_left_alone() -> None:
    for strange in ("\x1b[58;5;1mx\x1b[0m", "\x1b[38;9mx", "\x1b]52;c;QQ==\x07", "\x1b[?25l", "\x1b[2J"):
        assert economical(strange) == strange


def test_codes_mean_what_the_terminal_takes_them_for() -> None:
    assert _after(PLAIN, "1;38;2;1;2;3;41") == (frozenset({"1"}), "38;2;1;2;3", "41")
    assert _after((frozenset({"1", "2"}), "31", "104"), "22;39") == (frozenset(), "39", "104")
    assert Color.parse("red").get_ansi_codes() == ("31",)


def test_signs_become_one_letter_each() -> None:
    for sign, letter in SIGNS.items():
        assert len(sign) == len(letter) == 1
        assert letter.isascii()
    assert plain_signs("╭─●⣿⠀ 日本") == "+-*@  日本"
