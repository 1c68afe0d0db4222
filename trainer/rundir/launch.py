"""Starting a process that outlives the terminal it was started from."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence

from schemas.errors import EnvironmentFault
from trainer.rundir.atomic import disk_fault
from trainer.rundir.layout import RunDirectory


def launch_detached(argv: Sequence[str], run: RunDirectory, env: Mapping[str, str] | None = None) -> int:
    """Start ``argv`` in a session of its own and return its process id at once.

    The child has no terminal (so a dropped line sends it no SIGHUP and Ctrl-C does not reach it), reads nothing, and
    appends what it prints to ``trainer.log``. ``env`` is added to this process's environment.

    Raises EnvironmentFault when the log or the program cannot be opened.
    """
    try:
        run.path.mkdir(parents=True, exist_ok=True)
        log = run.log_path.open("ab")
    except OSError as error:
        raise disk_fault("cannot open the log of the run", run.log_path, error) from error
    with log:
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(env or {})},
            )
        except OSError as error:
            raise EnvironmentFault(f"cannot start {argv[0]}: {error.strerror}", where=run.path) from error
    # Someone must collect the child if it ends before we do, or its remains look like a process for ever.
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
    return process.pid
