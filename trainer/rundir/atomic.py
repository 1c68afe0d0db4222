"""Writing so that a kill, a crash or a full disk leaves the old content or the new one, never a mixture."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from pathlib import Path

from schemas.errors import EnvironmentFault

TEMPORARY_PREFIX = ".tmp-"
"""Names starting so are leftovers of an interrupted write; whoever holds the run's lock may delete them."""


def write_atomic(path: Path, data: bytes | str, *, durable: bool = True) -> None:
    """Replace ``path`` by ``data`` in one step.

    A reader sees the old file or the new one. With ``durable`` the new one also survives a power cut once this returns
    (file and directory are fsynced); without it, it survives the death of the process, which is enough for records
    that are rewritten every few seconds.

    Raises EnvironmentFault when the disk refuses; the old file is then untouched and nothing is left behind.
    """
    content = data.encode() if isinstance(data, str) else data
    temporary = temporary_sibling(path)
    try:
        # Plain open with the umask: a private mode, as tempfile gives, would lock viewers of other users out. Only the
        # leftover of a dead process with our number can bear this name, so it is overwritten.
        with temporary.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
        if durable:
            fsync_dir(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise disk_fault("cannot write the file", path, error) from error


def temporary_sibling(path: Path) -> Path:
    """A name beside ``path`` that no other thread or process uses, ignored by every reader of the run directory."""
    return path.with_name(f"{TEMPORARY_PREFIX}{path.name}-{os.getpid()}-{threading.get_ident()}")


def fsync_dir(path: Path) -> None:
    """Make the names inside ``path`` (creations, renames, deletions) survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a directory and say so; they order renames themselves.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def commit_directory(temporary: Path, final: Path) -> None:
    """Turn the finished directory ``temporary`` into ``final``; the rename is the commit.

    Every file and directory inside is fsynced first, so that a committed directory is complete even after a power cut.
    Both must lie on one file system, and ``final`` must not exist.

    Raises EnvironmentFault when ``final`` exists or the disk refuses; ``temporary`` is then left for inspection.
    """
    if final.exists():
        raise EnvironmentFault(
            "the directory exists already",
            where=final,
            why="a committed directory is never overwritten: half of each could remain",
            hint="move it away or choose another step",
        )
    try:
        for folder, _, names in os.walk(temporary, topdown=False):
            for name in names:
                _fsync_file(Path(folder, name))
            fsync_dir(Path(folder))
        temporary.rename(final)
        fsync_dir(final.parent)
    except OSError as error:
        raise disk_fault("cannot commit the directory", final, error) from error


def _fsync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_fault(message: str, path: Path, error: OSError) -> EnvironmentFault:
    """An EnvironmentFault that says what the operating system said, and what helps."""
    hints = {
        errno.ENOSPC: "free some space on this disk; the run continues from its last checkpoint",
        errno.EDQUOT: "your disk quota is used up; free some of it",
        errno.EFBIG: "the file size limit of this process (ulimit -f) or file system is reached",
        errno.EROFS: "the file system is read-only; choose another output_dir",
        errno.EACCES: "check who owns the directory and its permissions",
        errno.EPERM: "check who owns the directory and its permissions",
    }
    why = error.strerror or type(error).__name__
    return EnvironmentFault(message, where=path, why=why, hint=hints.get(error.errno or 0, ""))
