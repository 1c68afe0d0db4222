from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from trainer.rundir.patience import ask_all


def test_what_came_in_time_counts_and_who_is_late_is_named() -> None:
    gate = threading.Event()

    def slow() -> Iterator[str]:
        yield "first"
        gate.wait(30)
        yield "second"

    began = time.monotonic()
    answers, late = ask_all({"slow mount": slow, "quick": lambda: ["a", "b"]}, 0.2)
    assert time.monotonic() - began < 5
    assert (answers, late) == ({"slow mount": ["first"], "quick": ["a", "b"]}, ("slow mount",))
    before = threading.active_count()
    assert ask_all({"slow mount": slow}, 0.05) == ({"slow mount": []}, ("slow mount",))
    assert threading.active_count() == before, "nobody asks again while the first one has not come back"
    gate.set()
    time.sleep(0.1)
    assert ask_all({"slow mount": lambda: ["third"]}, 5) == ({"slow mount": ["third"]}, ())


def test_an_unreadable_place_ends_its_own_question_only() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise PermissionError

    assert ask_all({"broken": broken, "whole": lambda: [2]}, 5) == ({"broken": [1], "whole": [2]}, ())


def test_who_asks_while_another_does_gets_an_answer_of_its_own() -> None:
    """The other may ask something else, or have looked before a change."""
    began, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[str]:
        began.set()
        go_on.wait(5)
        yield "old"

    first = threading.Thread(target=lambda: ask_all({"place": slowly}, 5))
    first.start()
    began.wait(5)
    threading.Timer(0.1, go_on.set).start()
    assert ask_all({"place": lambda: ["new"]}, 5) == ({"place": ["new"]}, ())
    first.join()
