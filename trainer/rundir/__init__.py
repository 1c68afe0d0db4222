"""The run directory: the only interface between a trainer and whoever watches it. Free of torch.

One process writes (it holds ``run.lock``), any number read. Everything here survives a kill at any instant: files are
either replaced as a whole, or appended line by line and read by something that forgives a broken line.
"""

from trainer.rundir.atomic import commit_directory, fsync_dir, write_atomic
from trainer.rundir.control import Command, ControlInbox, Interval, parse_command, send
from trainer.rundir.environment import environment
from trainer.rundir.events import EventLog, EventReader, read_tail
from trainer.rundir.hook import told_to
from trainer.rundir.index import EventIndex
from trainer.rundir.keeper import IndexKeeper
from trainer.rundir.layout import RunDirectory
from trainer.rundir.lock import LockOwner, RunLock
from trainer.rundir.process import process_start, same_process
from trainer.rundir.runs import RunSummary, derive_state, list_runs, summarize
from trainer.rundir.status import Status, StatusWriter, read_status

__all__ = [
    "Command",
    "ControlInbox",
    "EventIndex",
    "EventLog",
    "EventReader",
    "IndexKeeper",
    "Interval",
    "LockOwner",
    "RunDirectory",
    "RunLock",
    "RunSummary",
    "Status",
    "StatusWriter",
    "commit_directory",
    "derive_state",
    "environment",
    "fsync_dir",
    "list_runs",
    "parse_command",
    "process_start",
    "read_status",
    "read_tail",
    "same_process",
    "send",
    "summarize",
    "told_to",
    "write_atomic",
]
