"""A preset's whole way in this process: raw files, prepare, check, train, stop, go on, validate, export."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import presets
from schemas import LtxTrainerConfig, render_yaml, validate
from schemas.errors import EXIT_OK, EXIT_STOPPED
from schemas.overrides import apply
from schemas.prepare import PrepareOptions
from trainer.rundir import RunDirectory, send
from tui.checking import Checked, check_file
from tui.demo.changes import applied, changes
from tui.demo.layout import DemoLayout
from tui.demo.needs import Needs
from tui.demo.world import prepare_options, world_of

STEPS = 12
QUICK = ("validation.skip_initial_validation=true", "validation.inference_steps=2", "checkpoints.interval=null")


@dataclass(frozen=True)
class Journey:
    """One preset in a folder that presets share, and with it the checkpoint and the text encoder."""

    layout: DemoLayout
    needs: Needs

    @staticmethod
    def of(root: Path, preset: str) -> Journey:
        return Journey(DemoLayout(root, preset), Needs.of(preset))

    @property
    def run(self) -> Path:
        return self.layout.run(1)

    def make_inputs(self) -> None:
        """Render the files that users bring."""
        from trainer import demo_assets

        demo_assets.build(self.layout.root, roles=self.needs.roles, data=self.layout.data_name)

    def prepare(self) -> dict[str, int]:
        """Prepare them; returns the number of files in each directory. Anything left out fails the test."""
        from trainer.prepare import prepare

        options: PrepareOptions = prepare_options(self.layout, self.needs)
        report = prepare(options, lambda line: None)
        assert report.exit_code == EXIT_OK, report.lines()
        folders = [path for path in self.layout.prepared.iterdir() if path.is_dir()]
        return {path.name: len(list(path.rglob("*.pt"))) for path in folders if not path.name.startswith(".")}

    def configure(self, *overrides: str, steps: int = STEPS, seed: int = 42) -> LtxTrainerConfig:
        """Write the configuration that the demo would, for a few steps."""
        data = presets.load(self.layout.preset)
        world = world_of(self.layout, self.needs, seed=seed, steps=steps)
        data = apply(applied(data, changes(data, world)), [*QUICK, f"output_dir={self.run}", *overrides])
        config = validate(data)
        self.layout.config.write_text(render_yaml(config, preset=self.layout.preset), encoding="utf-8")
        return config

    def check(self) -> Checked:
        return check_file(self.layout.config)

    def train(self) -> int:
        """Train until it is finished or stopped; returns the exit code."""
        from accelerate.state import AcceleratorState

        from trainer.loop.run import run

        AcceleratorState._reset_state(reset_partial_state=True)
        with contextlib.redirect_stdout(StringIO()):
            return run(self.layout.config, "auto")

    def train_with_a_stop(self) -> None:
        """One step, a stop, and the rest."""
        directory = RunDirectory(self.run)
        directory.create()
        send(directory, "stop")
        assert self.train() == EXIT_STOPPED
        assert self.train() == EXIT_OK

    def losses(self) -> list[float]:
        """Training loss of every step."""
        found = {event["step"]: float(event["metrics"]["loss"]) for event in self.events("metric")}
        return [found[step] for step in sorted(found)]

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = RunDirectory(self.run).events_path.read_text(encoding="utf-8").splitlines()
        return [event for event in map(json.loads, lines) if event["type"] == kind]
