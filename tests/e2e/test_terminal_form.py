"""The form on a real terminal: what crosses the line, in which colours, in which letters."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

import presets
from benchmarks.wizard import until_quiet
from schemas import render_yaml
from tests.support.terminal import PATIENCE, Terminal

pytestmark = pytest.mark.e2e


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(render_yaml(presets.load("t2v_lora"), preset="t2v_lora"), encoding="utf-8")
    return path


def opened(config: Path, size: tuple[int, int], **environment: str) -> Terminal:
    environment = {"COLORTERM": "truecolor", "NO_COLOR": "", **environment}
    terminal = Terminal(["edit", str(config)], size, {"XDG_STATE_HOME": str(config.parent), **environment})
    terminal.wait_for("Training mode")
    quiet(terminal)
    return terminal


def quiet(terminal: Terminal) -> None:
    """Read until nothing comes for a moment."""
    while terminal.read(0.4):
        pass


def leave(terminal: Terminal) -> bytes:
    terminal.press(b"\x11")  # Ctrl-Q
    assert terminal.process.wait(PATIENCE) == 0
    terminal.close()
    return terminal.output


def test_a_cursor_move_with_its_documentation_is_small(config: Path) -> None:
    terminal = opened(config, (120, 40))
    moves = []
    for _ in range(12):
        terminal.press(b"j")
        moves.append(until_quiet(terminal)[1])
    leave(terminal)
    assert sum(moves) / len(moves) < 1500, moves


def test_without_colours_there_are_none(config: Path) -> None:
    terminal = opened(config, (80, 24), NO_COLOR="1")
    terminal.press(b"jji")
    quiet(terminal)
    codes = {code for sgr in re.findall(rb"\x1b\[([\d;]*)m", leave(terminal)) for code in sgr.split(b";")}
    assert codes <= {b"", *(str(code).encode() for code in (0, 1, 2, 4, 7, 22, 24, 27, 39, 49))}, codes


def test_sixteen_colours_are_the_terminal_s_own(config: Path) -> None:
    output = leave(opened(config, (80, 24), TERM="xterm", COLORTERM=""))
    assert b"38;2" not in output
    assert b"38;5" not in output
    assert re.search(rb"\x1b\[[\d;]*3[0-7]m", output), "but there are colours"


def test_where_only_ascii_can_be_shown_nothing_else_is_sent(config: Path) -> None:
    terminal = opened(config, (80, 24), LTX2_WIZARD_ASCII="1")
    terminal.press(b"jji")
    quiet(terminal)
    output = leave(terminal)
    assert output.isascii()
    assert b"+-----" in output, "borders are drawn with letters"


def test_keys_typed_while_it_starts_are_not_lost(config: Path) -> None:
    terminal = Terminal(["edit", str(config)], (80, 24), {"XDG_STATE_HOME": str(config.parent)})
    terminal.wait_for("ltx2-wizard")  # the frame
    terminal.press(b"/rank\r\r\x7f\x7f48\rw")
    deadline = time.monotonic() + PATIENCE
    while "rank: 48" not in config.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, terminal.output[-2000:]
        terminal.read(0.2)
    leave(terminal)


def test_a_file_that_is_no_yaml_ends_it_with_the_reason(config: Path) -> None:
    config.write_text("model: {", encoding="utf-8")
    terminal = Terminal(["edit", str(config)], (80, 24), {"XDG_STATE_HOME": str(config.parent)})
    assert terminal.process.wait(PATIENCE) == 2
    terminal.read(0.5)
    assert b"config.yaml" in terminal.output
    assert b"quotes, brackets" in terminal.output
    os.close(terminal.master)
