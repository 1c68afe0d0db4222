"""One demo, step by step: from an empty folder to demo.json."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import presets
from schemas import LtxTrainerConfig, render_yaml, validate
from schemas.errors import EXIT_OK, UsageError
from schemas.overrides import apply
from trainer.rundir.atomic import write_atomic
from trainer.rundir.layout import RunDirectory
from trainer.rundir.status import read_status
from tui.checking import check_file
from tui.demo.again import train_again, verdict
from tui.demo.changes import ENOUGH_STEPS, STEPS, Change, applied, changes
from tui.demo.layout import DemoLayout
from tui.demo.measure import REQUIRED_RATIO, demand_learning, measure, write_report
from tui.demo.needs import Needs
from tui.demo.processes import run_process
from tui.demo.world import prepare_options, world_of
from tui.follow import how_to_watch
from tui.launch import running_trainer

STAGES: Final = 7
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the user may choose."""

    directory: Path
    preset: str = "t2v_lora"
    steps: int | None = None
    seed: int = 42
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo of one preset in one folder."""

    options: DemoOptions
    say: Say
    train: Callable[[Path], int]
    """Trains a configuration in a detached process, returns the trainer's exit code, 0 also when it was left alone."""

    @property
    def layout(self) -> DemoLayout:
        """Where everything goes."""
        return DemoLayout(self.options.directory.expanduser().resolve(), self.options.preset)

    def run(self) -> int:
        """Everything from nothing to demo.json; returns the exit code.

        Raises WizardError when a step fails: NumericError when the LoRA is not better than the base by the promised
        margin. A process that fails says why itself and ends the demo with its exit code (SystemExit).
        """
        needs = Needs.of(self.options.preset)
        # The tiny model's matrices are too small to share: more threads only wait for each other.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        self._make_inputs(needs)
        config = self._configure(needs)
        run = Path(config.output_dir)
        self._check(run)
        self._stage(5, "train a LoRA in a process of its own, validate, save")
        code = self.train(self.layout.config)
        if code != EXIT_OK or not self._finished(run):
            self.say(f"\nThe demo ends here; the same command goes on with it. {how_to_watch(RunDirectory(run))}")
            return code
        self._stage(6, "resume: from the save on the way to the end again")
        again = train_again(config, self.layout.again)
        self.say(f"      {verdict(again)}")
        self._stage(7, "measure: the same noise and noise levels, base model beside the trained LoRA")
        report = {**measure(self.layout.config, run), "resumed": again}
        path = write_report(self.layout.root, report)
        self._show_losses(report)
        demand_learning(report, path)
        self._summary(report)
        return EXIT_OK

    def _stage(self, number: int, text: str) -> None:
        self.say(f"\n[{number}/{STAGES}] {text}")

    def _make_inputs(self, needs: Needs) -> None:
        layout = self.layout
        layout.root.mkdir(parents=True, exist_ok=True)
        self._stage(1, "a tiny LTX-2 checkpoint, a tiny text encoder and clips")
        roles = ",".join(needs.roles)
        run_process("trainer.demo_assets", str(layout.root), "--roles", roles, "--data", layout.data_name)
        self._stage(2, "prepare: clips and captions become latents and text features")
        options = prepare_options(layout, needs)
        run_process("trainer.prepare", "--options-json", options.model_dump_json())

    def _configure(self, needs: Needs) -> LtxTrainerConfig:
        """Write the configuration and say what the tiny world changed in it."""
        options, layout = self.options, self.layout
        self._stage(3, f"configuration from preset {options.preset}")
        data = presets.load(options.preset)
        world = world_of(layout, needs, seed=options.seed, steps=options.steps or STEPS)
        found = changes(data, world)
        config = validate(apply(applied(data, found), options.overrides))
        run = Change("output_dir", str(layout.next_run(config)), "inside the demo's folder")
        self._show_changes((*found, run))
        config = validate(apply(applied(data, (*found, run)), options.overrides))
        write_atomic(layout.config, render_yaml(config, preset=options.preset).encode())
        self.say(f"      wrote {layout.config}")
        if config.optimization.steps < ENOUGH_STEPS:
            self.say(
                f"      note: fewer than {ENOUGH_STEPS} steps seldom bring the loss to {REQUIRED_RATIO:.0%} of the base"
                " model's, which the demo asks of a LoRA; it then ends with exit code 5"
            )
        return config

    def _show_changes(self, found: tuple[Change, ...]) -> None:
        width = max(len(change.path) for change in found)
        self.say("      changed for the tiny world:")
        for change in found:
            self.say(f"        {change.path:<{width}}  {change!s:<28}  {change.reason}")
        for override in self.options.overrides:
            path, _, value = override.partition("=")
            self.say(f"        {path:<{width}}  {value:<28}  --set")

    def _check(self, run: Path) -> None:
        self._stage(4, "check")
        if running_trainer(RunDirectory(run)) is not None:
            self.say("      it passed when this run was started, and the run is going on")
            return
        checked = check_file(self.layout.config)
        for line in checked.lines():
            self.say(f"      {line}")
        if not checked.report.ok:
            raise UsageError("the demo's own configuration does not pass `check`", where=self.layout.config)
        self.say("      nothing stands in the way")

    def _finished(self, run: Path) -> bool:
        status = read_status(RunDirectory(run).status_path)
        return status is not None and status.phase == "finished"

    def _show_losses(self, report: dict[str, Any]) -> None:
        for loss in report["fixed_loss"]["seeds"]:
            base, trained = loss["base"], loss["trained"]
            share = f"({trained / base:.0%})"
            self.say(f"      seed {loss['seed']}: base {base:.4f}  trained {trained:.4f}  {share}")

    def _summary(self, report: dict[str, Any]) -> None:
        self.say("\nDone.")
        self.say(f"  LoRA      {report['lora']}")
        for sample in report["samples"]:
            self.say(f"  sample    {sample}")
        self.say(f"  config    {report['config']}")
        self.say(f"  run       {report['run']}")
        self.say(f"  numbers   {self.layout.report}")
        self.say("\nNext:")
        for text, command in (
            ("look at the loss again", ["monitor", report["run"]]),
            ("change something and train again", ["edit", report["config"]]),
            ("a configuration for your own clips", ["new"]),
        ):
            self.say(f"  {text:<36}{shlex.join(['ltx2-wizard', *command])}")
