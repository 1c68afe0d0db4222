"""The demo: a tiny LTX-2 from nothing to a trained LoRA, through the same processes a real run uses.

Nothing here trains or encodes. It writes a dataset request and a configuration, then starts the product's own
processes one after another: ``demo_assets`` (checkpoint, text encoder, clips), ``prepare``, ``check``, ``train`` and
``fixed_loss``. What the tiny model needs changed in the preset is listed on screen, not hidden.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import presets
from schemas import load_config, render_yaml, validate
from schemas.errors import EnvironmentFault, NumericError, UsageError
from schemas.overrides import apply
from schemas.prepare import PrepareOptions
from trainer.preflight import check
from trainer.rundir.atomic import write_atomic
from trainer.rundir.layout import RunDirectory
from trainer.rundir.status import read_status
from tui.launch import module_command

SUPPORTED = ("t2v_lora",)
PASS_RATIO = 0.9
"""The LoRA has learned something when its loss is at most this share of the base model's, for every seed."""

DRAWS = 32
SEEDS = (1, 2, 3)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the user may choose."""

    directory: Path
    preset: str = "t2v_lora"
    steps: int | None = None
    seed: int = 42
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoLayout:
    """Where the demo keeps what it makes."""

    root: Path

    @property
    def checkpoint(self) -> Path:
        return self.root / "ltx-2.0-tiny.safetensors"

    @property
    def text_encoder(self) -> Path:
        return self.root / "gemma"

    @property
    def dataset(self) -> Path:
        return self.root / "data" / "dataset.json"

    @property
    def prepared(self) -> Path:
        return self.root / "data" / ".precomputed"

    @property
    def report(self) -> Path:
        return self.root / "demo.json"

    def config(self, preset: str) -> Path:
        return self.root / f"{preset}.yaml"

    def next_run(self, preset: str) -> Path:
        """The first unused run folder, or the one that was interrupted and can go on."""
        number = 1
        while True:
            run = self.root / "runs" / (preset if number == 1 else f"{preset}_{number}")
            status = read_status(RunDirectory(run).status_path)
            if status is None or status.phase != "finished":
                return run
            number += 1


@dataclass(slots=True)
class Demo:
    """One demo, step by step."""

    options: DemoOptions
    say: Say
    train: Callable[[Path], int]
    """Trains a configuration in a detached process and returns the trainer's exit code."""
    changed: list[tuple[str, Any, str]] = field(default_factory=list)

    @property
    def layout(self) -> DemoLayout:
        return DemoLayout(self.options.directory.expanduser().resolve())

    def run(self) -> dict[str, Any]:
        """Everything from nothing to demo.json.

        Raises:
            UsageError: the preset is not one the demo can stage.
            NumericError: the trained LoRA is not better than the base by the promised margin.
        """
        if self.options.preset not in SUPPORTED:
            raise UsageError(
                f"the demo cannot stage preset {self.options.preset!r}",
                hint=f"choose one of: {', '.join(SUPPORTED)}",
            )
        self.layout.root.mkdir(parents=True, exist_ok=True)
        self._step(1, "a tiny LTX-2 checkpoint, a tiny text encoder and clips with sound")
        _process("trainer.demo_assets", str(self.layout.root))
        self._step(2, "prepare: clips and captions become latents and text features")
        _process("trainer.prepare", "--options-json", self._prepare_options().model_dump_json())
        self._step(3, f"configuration from preset {self.options.preset}")
        config_path, run = self._write_config()
        self._step(4, "check")
        self._check(config_path)
        self._step(5, "train a LoRA in a process of its own, validate, save")
        code = self.train(config_path)
        if code != 0:
            raise EnvironmentFault(
                f"training ended with exit code {code}",
                where=RunDirectory(run).log_path,
                hint="read the end of the log; the same command continues the run",
            )
        self._step(6, "measure: the same noise and sigmas, base model beside the trained LoRA")
        report = self._report(config_path, run)
        self._summary(report)
        return report

    def _step(self, number: int, text: str) -> None:
        self.say(f"\n[{number}/6] {text}")

    def _prepare_options(self) -> PrepareOptions:
        return PrepareOptions(
            dataset_path=str(self.layout.dataset),
            resolution_buckets="64x64x49",
            device="auto",
            model_path=str(self.layout.checkpoint),
            text_encoder_path=str(self.layout.text_encoder),
        )

    def _changes(self, run: Path) -> list[tuple[str, Any, str]]:
        """What the tiny model needs different from the preset: (path, value, reason)."""
        steps = self.options.steps or 80
        return [
            ("model.model_path", str(self.layout.checkpoint), "the checkpoint just written"),
            ("model.text_encoder_path", str(self.layout.text_encoder), "the text encoder just written"),
            ("data.preprocessed_data_root", str(self.layout.prepared), "the clips just prepared"),
            ("data.num_dataloader_workers", 0, "six small clips need no loader processes"),
            ("output_dir", str(run), "inside the demo folder"),
            ("seed", self.options.seed, "--seed"),
            ("optimization.steps", steps, "a tiny model learns in seconds"),
            ("optimization.learning_rate", 5e-3, "few steps, so longer ones"),
            ("acceleration.mixed_precision_mode", "no", "fp32 is the fast format on a CPU"),
            ("validation.video_dims", [64, 64, 17], "the clips are 64 pixels wide"),
            ("validation.inference_steps", 8, "a look, not a film"),
            ("validation.interval", steps, "one sample before, one after training"),
            ("validation.stg_blocks", [1], "the tiny model has 2 blocks, not 48"),
            ("checkpoints.interval", max(1, steps // 2), "one save on the way"),
            ("checkpoints.save_training_state", "full", "an interrupted run then continues bit for bit"),
        ]

    def _write_config(self) -> tuple[Path, Path]:
        run = self.layout.next_run(self.options.preset)
        data = presets.load(self.options.preset)
        self.changed = self._changes(run)
        width = max(len(path) for path, _, _ in self.changed)
        self.say("      changed for the tiny model:")
        for path, value, reason in self.changed:
            self.say(f"        {path:<{width}}  {_short(value):<28}  {reason}")
        data = apply(data, [f"{path}={json.dumps(value)}" for path, value, _ in self.changed])
        data["validation"]["samples"] = [{"prompt": prompt} for prompt in self._prompts()]
        data = apply(data, list(self.options.overrides))
        config_path = self.layout.config(self.options.preset)
        write_atomic(config_path, render_yaml(validate(data), preset=self.options.preset).encode())
        self.say(f"      wrote {config_path}")
        return config_path, run

    def _prompts(self) -> list[str]:
        rows = json.loads(self.layout.dataset.read_text(encoding="utf-8"))
        return [str(rows[0]["caption"])]

    def _check(self, config_path: Path) -> None:
        loaded = load_config(config_path)
        report = check(loaded.config, loaded.document, config_path=config_path)
        for problem in report.problems:
            self.say(f"      {problem.severity}: {problem.message}")
        if not report.ok:
            raise UsageError("the demo's own configuration does not pass `check`", where=config_path)
        self.say("      all good")

    def _report(self, config_path: Path, run: Path) -> dict[str, Any]:
        lora = _newest(run / "checkpoints", "lora_weights_step_*.safetensors")
        samples = sorted(str(path) for path in (run / "samples").glob("*.mp4"))
        answer = _process_output(
            "trainer.fixed_loss", str(config_path), "--lora", str(lora), "--draws", str(DRAWS),
            *(part for seed in SEEDS for part in ("--seed", str(seed))), "--json",
        )  # fmt: skip
        losses = {str(entry["seed"]): {"base": entry["base"], "trained": entry["trained"]} for entry in answer["seeds"]}
        mean = {key: answer[key] for key in ("base", "trained")}
        passed = all(loss["trained"] <= PASS_RATIO * loss["base"] for loss in losses.values())
        report = {
            "config": str(config_path),
            "run": str(run),
            "lora": str(lora),
            "samples": samples,
            "fixed_loss": {**mean, "draws": DRAWS, "seeds": losses, "required_ratio": PASS_RATIO},
            "passed": passed,
        }
        write_atomic(self.layout.report, json.dumps(report, indent=2).encode())
        for seed, loss in losses.items():
            share = 100 * loss["trained"] / loss["base"]
            self.say(f"      seed {seed}: base {loss['base']:.4f}  trained {loss['trained']:.4f}  ({share:.0f} %)")
        if not passed:
            raise NumericError(
                f"the LoRA learned too little: its loss is above {PASS_RATIO:.0%} of the base model's",
                where=self.layout.report,
                hint="look at optimization.learning_rate and optimization.steps",
            )
        return report

    def _summary(self, report: dict[str, Any]) -> None:
        self.say("\nDone.")
        self.say(f"  LoRA      {report['lora']}")
        for sample in report["samples"]:
            self.say(f"  sample    {sample}")
        self.say(f"  config    {report['config']}")
        self.say(f"  run       {report['run']}")
        self.say(f"  numbers   {self.layout.report}")
        self.say("\nNext:")
        self.say(f"  ltx2-wizard monitor {report['run']}      look at the loss again")
        self.say(f"  ltx2-wizard edit {report['config']}      change something and train again")
        self.say("  ltx2-wizard new                          a configuration for your own clips")


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 28 else f"…{text[-26:]}"


def _newest(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise EnvironmentFault(f"no {pattern} was written", where=folder)
    return found[-1]


def _process(module: str, *arguments: str) -> None:
    """Run one torch process with our own streams."""
    sys.stdout.flush()
    done = subprocess.run(module_command(module, *arguments), check=False)
    if done.returncode != 0:
        raise SystemExit(done.returncode)


def _process_output(module: str, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(module_command(module, *arguments), check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(done.returncode)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
