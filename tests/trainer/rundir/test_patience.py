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
