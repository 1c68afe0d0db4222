"""A warm process: heavy libraries imported once, every job a fork of it.

Importing diffusers' LTX-2 classes takes 12-14 s on two cores. Tests that start (and kill) trainers fork them from
one process that has paid this price. The forked child runs the same module with the same arguments, environment,
working directory and streams as ``python -m MODULE ARGS`` would; only the imports are already there.

    python -m tests.support.warm serve SOCKET          # until killed
    python -m tests.support.warm run SOCKET MODULE ... # like `python -m MODULE ...`, exit code included
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from pathlib import Path

PRELOAD = (
    "torch",
    "transformers",
    "diffusers.models.transformers.transformer_ltx2",
    "diffusers.models.autoencoders.autoencoder_kl_ltx2",
    "diffusers.models.autoencoders.autoencoder_kl_ltx2_audio",
    "diffusers.pipelines.ltx2.connectors",
    "diffusers.pipelines.ltx2.vocoder",
    "peft",
    "accelerate",
    "av",
)


def serve(path: str) -> None:
    """Import everything, then fork one child per connection until killed."""
    for name in PRELOAD:
        importlib.import_module(name)
    gc.freeze()  # no child visits, and so copies, what all of them share
    with contextlib.suppress(FileNotFoundError):
        Path(path).unlink()
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(16)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            server.close()
            _supervise(connection)
        connection.close()


def _supervise(connection: socket.socket) -> None:
    """Child of the server: fork the job, report its pid, then its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data, fds = _receive(connection)
    job = os.fork()
    if job == 0:
        connection.close()
        _become(data, fds)
    for fd in fds:
        os.close(fd)
    with contextlib.suppress(OSError):
        connection.sendall(f"{job}\n".encode())
    _, status = os.waitpid(job, 0)
    with contextlib.suppress(OSError):
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _receive(connection: socket.socket) -> tuple[dict[str, object], list[int]]:
    fds = array.array("i")
    raw, ancillary, _, _ = connection.recvmsg(1 << 20, socket.CMSG_SPACE(3 * fds.itemsize))
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    return json.loads(raw), list(fds)


def _become(data: dict[str, object], fds: list[int]) -> None:
    """Turn this fork into ``python -m MODULE ARGS``; never returns."""
    if data.get("new_session"):
        os.setsid()
    for target, fd in enumerate(fds):
        os.dup2(fd, target)
    for fd in fds:
        if fd > 2:
            os.close(fd)
    os.environ.clear()
    os.environ.update(data["env"])  # type: ignore[call-overload]
    os.chdir(str(data["cwd"]))
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w", buffering=1), open(2, "w", buffering=1)  # noqa: SIM115
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]
    argv: list[str] = list(data["argv"])  # type: ignore[call-overload]
    sys.argv = argv
    sys.path.insert(0, os.getcwd())  # noqa: PTH109
    code = 1
    try:
        runpy.run_module(argv[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except KeyboardInterrupt:
        code = 130
    except BaseException:  # noqa: BLE001 - this is the process border
        traceback.print_exc()
    with contextlib.suppress(ValueError, OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


class WarmJob:
    """A job forked from the warm server, with the few handles a test needs."""

    def __init__(self, connection: socket.socket) -> None:
        self._reader = connection.makefile("r")
        self._connection = connection
        self.pid = int(self._reader.readline())

    def wait(self, timeout: float | None = None) -> int:
        """Exit code, negative for a signal, as subprocess reports it."""
        self._connection.settimeout(timeout)
        with self._connection, self._reader:
            return int(self._reader.readline())

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def start(
    path: str,
    argv: list[str],
    *,
    cwd: str | None = None,
    env: dict[str, str] | None = None,
    fds: tuple[int, int, int] = (0, 1, 2),
    new_session: bool = False,
) -> WarmJob:
    """Fork ``python -m argv[0] argv[1:]`` from the server at ``path``."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    request = {"argv": argv, "cwd": cwd or str(Path.cwd()), "env": env or dict(os.environ), "new_session": new_session}
    connection.sendmsg(
        [json.dumps(request).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds).tobytes())]
    )
    return WarmJob(connection)


def main() -> int:
    command, path, *rest = sys.argv[1:]
    if command == "serve":
        serve(path)
    return start(path, rest).wait()


if __name__ == "__main__":
    sys.exit(main())
