"""Starting a trainer: always a process of its own, in its own session, never code imported here."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from schemas.errors import EnvironmentFault
from trainer.rundir.layout import RunDirectory

PYTHON_VARIABLE: Final = "LTX2_WIZARD_PYTHON"
"""Replaces ``python -m`` in front of the trainer's module: another environment's interpreter, a container's entry, or
a test's warm process. Default: this interpreter and ``-m``."""


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs ``module`` with ``arguments``."""
    given = os.environ.get(PYTHON_VARIABLE)
    return [*(shlex.split(given) if given else [sys.executable, "-m"]), module, *arguments]


def trainer_command(config: Path, *, resume: str, processes: int) -> list[str]:
    """The command that trains ``config``, under torchrun when there is more than one process."""
    arguments = [str(config.absolute()), "--resume", resume]
    if processes == 1:
        return module_command("trainer.train", *arguments)
    runner = ["--standalone", "--nproc-per-node", str(processes), "--module", "trainer.train"]
    return module_command("torch.distributed.run", *runner, *arguments)


def start_trainer(command: list[str], run: RunDirectory) -> subprocess.Popen[bytes]:
    """Start ``command`` so that no hang-up, no Ctrl-C and no closed terminal reaches it; it prints to trainer.log.

    Raises EnvironmentFault when the log cannot be opened or the command cannot be started.
    """
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        with run.log_path.open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
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
