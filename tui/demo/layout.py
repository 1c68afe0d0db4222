"""Where the demo keeps what it makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas import load_config
from schemas.config import LtxTrainerConfig
from schemas.errors import WizardError
from schemas.fingerprint import config_fingerprint
from trainer.rundir.layout import RunDirectory
from trainer.rundir.status import read_status

REPORT = "demo.json"


@dataclass(frozen=True, slots=True)
class DemoLayout:
    """The files of one preset's demo; presets share a directory, and in it the checkpoint and the text encoder."""

    root: Path
    preset: str

    @property
    def checkpoint(self) -> Path:
        return self.root / "ltx-2.0-tiny.safetensors"

    @property
    def text_encoder(self) -> Path:
        return self.root / "gemma"

    @property
    def data_name(self) -> str:
        """Folder of the clips below the root: each preset needs other files beside the clips."""
        return f"data/{self.preset}"

    @property
    def dataset(self) -> Path:
        return self.root / self.data_name / "dataset.json"

    @property
    def prepared(self) -> Path:
        return self.root / self.data_name / ".precomputed"

    @property
    def config(self) -> Path:
        return self.root / f"{self.preset}.yaml"

    @property
    def report(self) -> Path:
        return self.root / REPORT

    @property
    def again(self) -> Path:
        """Where the end of the run is trained once more."""
        return self.root / "again" / self.preset

    def run(self, number: int) -> Path:
        """The folder of the demo's run number ``number``, from 1."""
        return self.root / "runs" / (self.preset if number == 1 else f"{self.preset}_{number}")

    def next_run(self, config: LtxTrainerConfig) -> Path:
        """Where to train ``config``: the folder of a run that was interrupted and trains the same, else a new one."""
        number = 1
        while not self._open_to(self.run(number), config):
            number += 1
        return self.run(number)

    @staticmethod
    def _open_to(run: Path, config: LtxTrainerConfig) -> bool:
        directory = RunDirectory(run)
        if read_status(directory.status_path) is None:
            return True
        if (run / REPORT).exists():  # trained and measured
            return False
        try:
            before = load_config(directory.config_path).config
        except WizardError:  # it ended before it had written its configuration
            return True
        return config_fingerprint(before) == config_fingerprint(config)
