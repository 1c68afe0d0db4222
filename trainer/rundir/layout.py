"""Names of everything in a run directory."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from trainer.rundir.atomic import TEMPORARY_PREFIX, disk_fault

_STATE_NAME = re.compile(r"step_(\d{6,})")


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """One ``output_dir``. Holding an instance says nothing about what exists on disk."""

    path: Path

    @property
    def config_path(self) -> Path:
        """The configuration as launched."""
        return self.path / "training_config.yaml"

    @property
    def lock_path(self) -> Path:
        return self.path / "run.lock"

    @property
    def status_path(self) -> Path:
        return self.path / "status.json"

    @property
    def events_path(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log_path(self) -> Path:
        """What the trainer process prints."""
        return self.path / "trainer.log"

    @property
    def control_path(self) -> Path:
        """Directory of waiting commands."""
        return self.path / "control"

    @property
    def checkpoints_path(self) -> Path:
        return self.path / "checkpoints"

    @property
    def samples_path(self) -> Path:
        return self.path / "samples"

    def create(self) -> None:
        """Make the directory and its folders. Raises EnvironmentFault when the disk refuses."""
        for folder in (self.path, self.control_path, self.checkpoints_path, self.samples_path):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise disk_fault("cannot create the run directory", folder, error) from error

    def state_path(self, step: int) -> Path:
        """Directory of the resumable training state after optimizer step ``step``."""
        return self.checkpoints_path / f"step_{step:06d}"

    def state_temporary(self, step: int) -> Path:
        """Where that state is written before it is committed."""
        return self.checkpoints_path / f"{TEMPORARY_PREFIX}step_{step:06d}"

    def lora_export_path(self, step: int) -> Path:
        """The published LoRA file."""
        return self.checkpoints_path / f"lora_weights_step_{step:05d}.safetensors"

    def model_export_path(self, step: int) -> Path:
        """The published full weights."""
        return self.checkpoints_path / f"model_weights_step_{step:05d}.safetensors"

    def sample_path(self, step: int, index: int, suffix: str) -> Path:
        """Validation sample ``index`` (from 0; shown from 1), ``suffix`` one of mp4, png, wav."""
        return self.samples_path / f"step_{step:06d}_{index + 1}.{suffix}"

    def poster_path(self, step: int, index: int) -> Path:
        """The small still picture of a validation sample."""
        return self.samples_path / f"step_{step:06d}_{index + 1}.poster.png"

    def states(self) -> list[tuple[int, Path]]:
        """Committed training states, oldest first. What is inside is not looked at."""
        if not self.checkpoints_path.is_dir():
            return []
        found = [
            (int(match[1]), path)
            for path in self.checkpoints_path.iterdir()
            if (match := _STATE_NAME.fullmatch(path.name)) and path.is_dir()
        ]
        return sorted(found)

    def remove_leftovers(self) -> list[Path]:
        """Delete what interrupted writes left behind, and say what it was. Only for whoever holds the run's lock."""
        removed = []
        for folder in (self.path, self.checkpoints_path, self.samples_path):
            if not folder.is_dir():
                continue
            for path in sorted(folder.glob(f"{TEMPORARY_PREFIX}*")):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
                removed.append(path)
        return removed
