from __future__ import annotations

import os
import signal

import pytest

from trainer.loop.signals import StopSignals


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 75)], ids=str
)
def test_the_first_signal_is_noted_and_the_second_ends_at_once(number: signal.Signals, code: int) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            with StopSignals() as signals:
                os.kill(os.getpid(), signal.SIGHUP)
                received = [signals.received]
                os.kill(os.getpid(), number)
                received.append(signals.received)
                if received == [None, number] and signals.exit_code == code:
                    os.kill(os.getpid(), number)
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code


def test_earlier_handlers_come_back() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    with StopSignals():
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in before} == before
