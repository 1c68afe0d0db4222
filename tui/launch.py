"""Starting a trainer: always a process of its own, in its own session, never code imported here."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from presets.gpus import Driver, find_driver
from schemas.errors import EXIT_BUG, EnvironmentFault, UsageError
from trainer.rundir.layout import RunDirectory
from trainer.rundir.process import same_process
from trainer.rundir.status import FINAL_PHASES, read_status

PYTHON_VARIABLE: Final = "LTX2_WIZARD_PYTHON"
"""Replaces ``python -m`` in front of the trainer's module: another environment's interpreter, a container's entry, or
a test's warm process. Default: this interpreter and ``-m``."""


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs ``module`` with ``arguments``."""
    given = os.environ.get(PYTHON_VARIABLE)
    return [*(shlex.split(given) if given else [sys.executable, "-m"]), module, *arguments]


def trainer_command(config: Path, *, resume: str, processes: int, on_event: str = "") -> list[str]:
    """The command that trains ``config``, under torchrun when there is more than one process."""
    arguments = [str(config.absolute()), "--resume", resume, *(["--on-event", on_event] if on_event else [])]
    if processes == 1:
        return module_command("trainer.train", *arguments)
    runner = ["--standalone", "--nproc-per-node", str(processes), "--module", "trainer.train"]
    return module_command("torch.distributed.run", *runner, *arguments)


def gpu_environment(wish: str | None, driver: Callable[[], Driver] = find_driver) -> dict[str, str]:
    """What makes a trainer see the card that was asked for, and no other; nothing when none was.

    ``wish`` is a number as nvidia-smi counts, or the name of a card or of a part of one (GPU-..., MIG-...). Raises
    UsageError when it is not there, or for several cards.
    """
    if wish is None:
        return {}
    name = wish.strip()
    if "," in name:
        raise UsageError(
            f"--gpu {wish}: training on several cards is not supported yet", hint="name one card: the others stay free"
        )
    if name.startswith(("GPU-", "MIG-")):
        return {"CUDA_VISIBLE_DEVICES": name}
    if not (name.isascii() and name.isdigit()):
        raise UsageError(f"--gpu {wish}: not a card", hint="a number as in nvidia-smi, or a name like GPU-...")
    found = driver()
    if int(name) not in {gpu.index for gpu in found.gpus}:
        there = ", ".join(f"{gpu.index} ({gpu.name})" for gpu in found.gpus)
        raise UsageError(
            f"--gpu {wish}: there is no such card", why=found.problem, hint=there and f"there are: {there}"
        )
    # Without this CUDA counts by speed and not as nvidia-smi does.
    return {"CUDA_VISIBLE_DEVICES": str(int(name)), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


class Trainer(Protocol):
    """A trainer's process: one that was started here (subprocess.Popen), or one that was found running."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        ...

    def wait(self, timeout: float) -> object:
        """Wait for its end; raises subprocess.TimeoutExpired."""
        ...


@dataclass(frozen=True, slots=True)
class FoundTrainer:
    """A trainer that somebody else started; how it ended is told by its events alone."""

    pid: int
    start: float | None

    def poll(self) -> int | None:
        """None while it runs, else the code of an end without a word."""
        return None if same_process(self.pid, self.start) else EXIT_BUG

    def wait(self, timeout: float) -> None:
        """Wait for its end; raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired("trainer", timeout)
            time.sleep(min(left, 0.1))


def running_trainer(run: RunDirectory) -> FoundTrainer | None:
    """The trainer at work in a run directory on this machine, if there is one."""
    status = read_status(run.status_path)
    if status is None or status.phase in FINAL_PHASES or status.host != socket.gethostname():
        return None
    found = FoundTrainer(status.pid, status.pid_start)
    return found if found.poll() is None else None


def start_trainer(
    command: list[str], run: RunDirectory, *, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start ``command`` so that no hang-up, no Ctrl-C and no closed terminal reaches it; it prints to trainer.log.

    ``environment`` is added to ours.

    Raises EnvironmentFault when the log cannot be opened or the command cannot be started.
    """
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        with run.log_path.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
    except OSError as error:
        raise EnvironmentFault(
            f"the trainer cannot be started: {error.strerror or error}",
            where=run.path,
            hint="check that output_dir can be written and that this Python still exists",
        ) from error
    # Whoever looks or not: an ended child is collected, so that its remains are never taken for a running trainer.
    threading.Thread(target=process.wait, name=f"trainer-{process.pid}", daemon=True).start()
    return process
