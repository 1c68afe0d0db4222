"""A stand-in for ``trainer.train`` that keeps its side of the run directory with the real writers, without training.

It is launched in place of ``python -m``: ``LTX2_WIZARD_PYTHON="python -m tests.support.stub_trainer"``, so that the
commands around a trainer (following, Ctrl-C, detaching, signals) are tested in milliseconds. What it does comes from
``STUB_TRAINER``: a number of steps and then how to end, as in ``5 finish``, ``3 die``, ``1000 finish``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from schemas import load_config
from trainer.rundir.control import ControlInbox
from trainer.rundir.events import EventLog
from trainer.rundir.hook import told_to
from trainer.rundir.layout import RunDirectory
from trainer.rundir.status import StatusWriter

STEP_SECONDS = 0.02


def main(arguments: list[str]) -> int:
    """``trainer.train CONFIG --resume ...``"""
    module, config, *rest = arguments
    hook = rest[rest.index("--on-event") + 1] if "--on-event" in rest else ""
    assert module == "trainer.train", arguments
    steps, ending = os.environ.get("STUB_TRAINER", "5 finish").split()
    run = RunDirectory(Path(load_config(config).config.output_dir))
    run.create()
    received: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, lambda number, _frame: received.append(number))
    with EventLog(run.events_path) as events, StatusWriter(run) as status, told_to(hook, events, print):
        events.append("run", run_id=status.status.run_id, host="here", pid=os.getpid(), total=int(steps))
        print("stub trainer begins", flush=True)
        status.update(phase="training", total=int(steps))
        state, code = _train(int(steps), run, events, status, received)
        if ending == "die":
            print("about to die", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        status.update(phase=state)
        events.append("exit", state=state, code=code, message="")
    return code


def _train(
    steps: int, run: RunDirectory, events: EventLog, status: StatusWriter, received: list[int]
) -> tuple[str, int]:
    inbox = ControlInbox(run)
    for step in range(1, steps + 1):
        time.sleep(STEP_SECONDS)
        status.update(step=step)
        events.append("metric", step=step, metrics={"loss": 1.0 / step, "lr": 1e-4})
        for command in inbox.take():
            events.append("control", id=command.id, verb=command.verb, result="done", message="")
            if command.verb == "stop":
                return "stopped", 75
        if received:
            return "stopped", {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGUSR1: 75}[signal.Signals(received[0])]
    return "finished", 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
