"""Asking places that may never answer: a dead network mount blocks whoever touches it, beyond all interruption."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Final, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_asking: Final[dict[Hashable, threading.Thread]] = {}
"""Threads that have not come back; nobody asks the same place a second time before they have."""


def ask_all(questions: Mapping[K, Callable[[], Iterable[T]]], seconds: float) -> tuple[dict[K, list[T]], tuple[K, ...]]:
    """What every question yields, each in a thread of its own, and the keys of those that were not done in time.

    What an unfinished one has yielded until then counts. Its thread is left behind (it cannot be ended) and dies with
    the process. An OSError ends a question as if nothing more had come.
    """
    deadline = time.monotonic() + seconds
    found: dict[K, list[T]] = {key: [] for key in questions}
    threads: dict[K, threading.Thread] = {}
    busy = {key: before for key in questions if (before := _asking.get(key)) is not None and before.is_alive()}

    def ask(key: K) -> None:
        asking = (questions[key], found[key])
        threads[key] = _asking[key] = threading.Thread(target=_collect, args=asking, name=f"ask {key}", daemon=True)
        threads[key].start()

    for key in questions.keys() - busy.keys():
        ask(key)
    for key, before in busy.items():  # what somebody else asked may be another question, or lie before a change
        before.join(max(0.0, deadline - time.monotonic()))
        if not before.is_alive():
            ask(key)
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    late = tuple(key for key in questions if key not in threads or threads[key].is_alive())
    for key, thread in threads.items():
        if key not in late and _asking.get(key) is thread:
            _asking.pop(key, None)
    return {key: list(answers) for key, answers in found.items()}, late


def _collect(question: Callable[[], Iterable[T]], answers: list[T]) -> None:
    try:
        for answer in question():
            answers.append(answer)  # noqa: PERF402 - one by one: the reader takes what is there when time is up
    except OSError:
        return
