"""Asking places that may never answer: a dead network mount blocks whoever touches it, beyond all interruption."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Final, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_asking: Final[dict[Hashable, threading.Thread]] = {}
"""Threads that have not come back; nobody asks the same place a second time meanwhile."""


def ask_all(questions: Mapping[K, Callable[[], Iterable[T]]], seconds: float) -> tuple[dict[K, list[T]], tuple[K, ...]]:
    """What every question yields, each in a thread of its own, and the keys of those that were not done in time.

    What an unfinished one has yielded until then counts. Its thread is left behind (it cannot be ended) and dies with
    the process. An OSError ends a question as if nothing more had come.
    """
    found: dict[K, list[T]] = {}
    threads: dict[K, threading.Thread] = {}
    for key, question in questions.items():
        found[key] = []
        before = _asking.get(key)
        if before is not None and before.is_alive():
            threads[key] = before
            continue
        threads[key] = threading.Thread(target=_collect, args=(question, found[key]), name=f"ask {key}", daemon=True)
        _asking[key] = threads[key]
        threads[key].start()
    deadline = time.monotonic() + seconds
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    late = tuple(key for key, thread in threads.items() if thread.is_alive())
    for key in threads.keys() - set(late):
        _asking.pop(key, None)
    return {key: list(answers) for key, answers in found.items()}, late


def _collect(question: Callable[[], Iterable[T]], answers: list[T]) -> None:
    try:
        for answer in question():
            answers.append(answer)  # noqa: PERF402 - one by one: the reader takes what is there when time is up
    except OSError:
        return
