"""Training state on disk: a directory per step that exists whole or not at all.

    checkpoints/step_000500/
        weights.safetensors     trained tensors in fp32, by official name
        optimizer.safetensors   optimizer tensors (only with save_training_state: full)
        average.safetensors     running average of the weights (only when one is kept)
        state.json              numbers and text
        manifest.json           size and SHA-256 of each file above, schema version, config fingerprint

Everything is written into a temporary sibling, synced and renamed: the rename is the commit. There is no pickle.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from schemas.errors import CheckpointError, EnvironmentFault
from trainer.loop.failpoints import failpoint
from trainer.model.io import stream_safetensors
from trainer.rundir import RunDirectory, commit_directory
from trainer.rundir.atomic import disk_fault, fsync_dir

SCHEMA: Final = 1
WEIGHTS, OPTIMIZER, AVERAGE = "weights.safetensors", "optimizer.safetensors", "average.safetensors"
STATE, MANIFEST = "state.json", "manifest.json"
REPLACED: Final = ".replaced"
"""Suffix of a state while one of the same step takes its place."""
BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class TrainingState:
    """All that a run needs to go on from a step."""

    step: int
    """Optimizer steps done."""
    config_fingerprint: str
    weights: Mapping[str, Tensor]
    """fp32 when read; to be written, the trained parameters themselves, wherever they are."""
    optimizer: Mapping[str, Tensor] | None
    """Optimizer tensors by ``<parameter>/<slot>``, likewise; None when they were not saved."""
    numbers: Mapping[str, Any]
    """JSON-able rest: data position, optimizer scalars, learning rate, and so on."""
    average: Mapping[str, Tensor] | None = None
    """Running average of the weights, fp32; None when none is kept."""


def write_state(run: RunDirectory, state: TrainingState) -> Path:
    """Commit a state; an existing one of the same step is replaced. Tensors are written one after the other.

    Raises EnvironmentFault when the disk refuses; older states, one of the same step too, are then as they were.
    """
    final, temporary = run.state_path(state.step), run.state_temporary(state.step)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        _write_files(temporary, state)
        failpoint("state.before_commit")
        _commit(temporary, final)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise disk_fault("cannot write the checkpoint", final, error) from error
    except EnvironmentFault:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    failpoint("state.after_commit")
    return final


def _commit(temporary: Path, final: Path) -> None:
    replaced = final.with_name(f"{final.name}{REPLACED}")
    if final.exists():
        # Only a repeated step gets here: the same numbers, or a run begun anew in this directory.
        shutil.rmtree(replaced, ignore_errors=True)
        final.rename(replaced)
        failpoint("state.replaced")
    try:
        commit_directory(temporary, final)
    finally:
        settle_replaced(final.parent)


def settle_replaced(folder: Path) -> None:
    """States that were being replaced: put one back when its successor was not committed, else it goes."""
    for replaced in folder.glob(f"step_*{REPLACED}"):
        final = replaced.with_name(replaced.name.removesuffix(REPLACED))
        if final.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        else:
            replaced.rename(final)


def read_state(path: Path) -> TrainingState:
    """Verify and load a state. Raises CheckpointError saying what is wrong with it."""
    manifest = verify_state(path)
    try:
        numbers = json.loads((path / STATE).read_text())
        weights = load_file(path / WEIGHTS)
        optimizer = load_file(path / OPTIMIZER) if OPTIMIZER in manifest["files"] else None
        average = load_file(path / AVERAGE) if AVERAGE in manifest["files"] else None
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"cannot be read: {error}", where=path) from error
    return TrainingState(
        step=int(numbers["step"]),
        config_fingerprint=manifest["config_fingerprint"],
        weights=weights,
        optimizer=optimizer,
        numbers=numbers,
        average=average,
    )


def verify_state(path: Path) -> dict[str, Any]:
    """Check every file against the manifest and return it. Raises CheckpointError for the first difference."""
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        files, schema = dict(manifest["files"]), manifest["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"has no readable manifest: {error}", where=path) from error
    if schema != SCHEMA:
        raise CheckpointError(
            f"was written in version {schema} of this format, this program reads {SCHEMA}",
            where=path,
            hint="go on with the version that wrote it",
        )
    if not {WEIGHTS, STATE} <= files.keys():
        raise CheckpointError("its manifest lacks a file every state has", where=path / MANIFEST)
    for name, entry in files.items():
        _verify_file(path / name, entry)
    return dict(manifest)


def _verify_file(path: Path, entry: Mapping[str, Any]) -> None:
    try:
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise CheckpointError(f"has {size} bytes, its manifest says {entry['bytes']}", where=path)
        if file_sha256(path) != entry["sha256"]:
            raise CheckpointError("its content does not have the checksum of its manifest", where=path)
    except OSError as error:
        raise CheckpointError(f"cannot be read: {error.strerror}", where=path) from error


def _write_files(folder: Path, state: TrainingState) -> None:
    failpoint("state.before_weights")
    stream_safetensors(folder / WEIGHTS, state.weights, torch.float32)
    failpoint("state.after_weights")
    if state.optimizer is not None:
        stream_safetensors(folder / OPTIMIZER, state.optimizer)
    if state.average is not None:
        stream_safetensors(folder / AVERAGE, state.average)
    numbers = {**state.numbers, "step": state.step}
    (folder / STATE).write_text(json.dumps(numbers, indent=1, allow_nan=False) + "\n")
    failpoint("state.before_manifest")
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in sorted(folder.iterdir())
    }
    manifest = {"schema": SCHEMA, "config_fingerprint": state.config_fingerprint, "step": state.step, "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def file_sha256(path: Path) -> str:
    """Checksum of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def quarantine(path: Path) -> Path:
    """Set a bad state aside as ``step_000500.corrupt`` so that no later start trips over it."""
    target = path.with_name(path.name + ".corrupt")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.corrupt{number}")
    path.rename(target)
    return target


def sync_into_place(temporary: Path, path: Path) -> None:
    """Sync a finished temporary file and give it its name."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    fsync_dir(path.parent)
