"""One trainer per run directory: a lock the kernel gives back however its owner dies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from schemas.errors import LockedError
from trainer.rundir.atomic import disk_fault
from trainer.rundir.layout import RunDirectory
from trainer.rundir.process import process_start

_UNSUPPORTED: Final = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
_held: set[int] = set()
"""Descriptors of held locks. A lock lives as long as any copy of its descriptor does, so forked workers drop theirs."""


def _drop_in_child() -> None:
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_drop_in_child)


@dataclass(frozen=True, slots=True)
class LockOwner:
    """Who wrote the lock file last; only for messages, whether the lock is held is the kernel's to say."""

    host: str
    pid: int
    since: float
    """Unix seconds."""

    def __str__(self) -> str:
        moment = datetime.fromtimestamp(self.since, UTC).astimezone()
        return f"process {self.pid} on {self.host} since {moment:%Y-%m-%d %H:%M:%S}"


class RunLock:
    """``run.lock``, held from acquire() to release() or the death of this process.

    ``warning`` is set when the file system cannot lock: the run then goes on unprotected and should say so.
    """

    def __init__(self, run: RunDirectory) -> None:
        self._path = run.lock_path
        self._descriptor: int | None = None
        self.warning = ""

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock at once. Raises LockedError naming the owner, EnvironmentFault when the file cannot be made."""
        if self.held:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise disk_fault("cannot open the lock of the run directory", self._path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                self.warning = f"{self._path}: this file system has no locks; do not start a second run here"
            else:
                os.close(descriptor)
                raise self._refusal(error) from error
        self._descriptor = descriptor
        _held.add(descriptor)
        self._sign(descriptor)

    def release(self) -> None:
        """Give the lock back. The file stays: deleting it would let two processes hold two different ones."""
        if self._descriptor is not None:
            _held.discard(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def owner(self) -> LockOwner | None:
        """Who holds it, or held it last; None when that was never written or is unreadable."""
        try:
            data = json.loads(self._path.read_bytes())
            return LockOwner(host=str(data["host"]), pid=int(data["pid"]), since=float(data["since"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _refusal(self, error: OSError) -> Exception:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            return disk_fault("cannot lock the run directory", self._path, error)
        owner = self.owner()
        return LockedError(
            f"the run directory is in use by {owner or 'another process'}",
            where=self._path,
            why="two trainers in one directory would overwrite each other's checkpoints",
            hint="watch it with `monitor`, stop it with `send RUN stop`, or choose another output_dir",
        )

    def _sign(self, descriptor: int) -> None:
        pid = os.getpid()
        owner = {"host": socket.gethostname(), "pid": pid, "pid_start": process_start(pid), "since": time.time()}
        with contextlib.suppress(OSError):  # a full disk: the lock itself holds all the same
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(owner).encode() + b"\n", 0)
