from __future__ import annotations

import pytest

from tui.notify import Notifier, sequence

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize("state", ["finished", "failed", "crashed"])
def test_the_end_of_a_run_is_told_once(state: str) -> None:
    notifier = Notifier("outputs/fox", XTERM)
    assert [notifier.see(one) for one in ("running", "paused", "running")] == ["", "", ""]
    assert notifier.see(state, "why") == f"\a\x1b]9;outputs/fox: {state}: why\x07"
    assert notifier.see(state, "why") == ""


def test_what_had_ended_before_and_what_was_stopped_is_no_news() -> None:
    assert Notifier("fox", XTERM).see("finished") == ""
    notifier = Notifier("fox", XTERM)
    assert notifier.see("running") + notifier.see("stopped") == ""


def test_a_run_that_ends_again_is_news_again() -> None:
    notifier = Notifier("fox", XTERM)
    assert [bool(notifier.see(one)) for one in ("running", "failed", "running", "finished")] == [
        False,
        True,
        False,
        True,
    ]


def test_hostile_names_command_nothing() -> None:
    text = sequence("\x1b]0;title\x07\x1b[2J\nfox\x9b1m" + "x" * 500, XTERM)
    assert text.count("\x1b") == 1
    assert text.count("\a") == 2
    assert "\n" not in text
    assert "\x9b" not in text
    assert len(text) < 200


@pytest.mark.parametrize("terminal", ["", "dumb", "linux", "vt100"])
def test_where_a_notification_could_be_printed_there_is_only_the_bell(terminal: str) -> None:
    assert sequence("fox", {"TERM": terminal}) == "\a"


def test_tmux_passes_it_on() -> None:
    text = sequence("fox", {**XTERM, "TMUX": "/tmp/tmux"})
    assert text == "\a\x1bPtmux;\x1b\x1b]9;fox\x07\x1b\\"
