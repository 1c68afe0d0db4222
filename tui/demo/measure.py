"""Did the LoRA learn anything: the loss on fixed draws, base model beside trained weights, and demo.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from schemas.errors import EnvironmentFault, NumericError
from trainer.rundir.atomic import write_atomic
from tui.demo.layout import REPORT
from tui.demo.processes import ask_process

REQUIRED_RATIO: Final = 0.9
"""The LoRA has learned something when its loss is at most this share of the base model's, for every seed."""
DRAWS: Final = 32
SEEDS: Final = (1, 2, 3)


def measure(config: Path, run: Path) -> dict[str, Any]:
    """The content of demo.json for a run that has finished."""
    lora = newest_export(run / "checkpoints")
    seeds = [part for seed in SEEDS for part in ("--seed", str(seed))]
    loss = ask_process("trainer.fixed_loss", str(config), "--lora", str(lora), "--draws", str(DRAWS), *seeds, "--json")
    return {
        "config": str(config),
        "run": str(run),
        "lora": str(lora),
        "samples": sorted(str(path) for kind in ("mp4", "wav") for path in (run / "samples").glob(f"*.{kind}")),
        "fixed_loss": {**loss, "draws": DRAWS, "required_ratio": REQUIRED_RATIO},
        "passed": learned(loss["seeds"]),
    }


def write_report(root: Path, report: dict[str, Any]) -> Path:
    """Write demo.json in the demo's folder, and in the run's, which says that this run is measured."""
    content = json.dumps(report, indent=2).encode()
    write_atomic(Path(report["run"]) / REPORT, content)
    write_atomic(root / REPORT, content)
    return root / REPORT


def demand_learning(report: dict[str, Any], where: Path) -> None:
    """Raise NumericError unless the LoRA is better than the base by the promised margin for every seed."""
    if not report["passed"]:
        raise NumericError(
            f"the LoRA learned too little: its loss is above {REQUIRED_RATIO:.0%} of the base model's",
            where=where,
            hint="look at optimization.learning_rate and optimization.steps",
        )


def learned(losses: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the trained loss is at most the required share of the base's for each seed of the draws."""
    return all(one["trained"] <= REQUIRED_RATIO * one["base"] for one in losses)


def newest_export(folder: Path) -> Path:
    """The last published LoRA among a run's checkpoints; EnvironmentFault when there is none."""
    found = sorted(folder.glob("lora_weights_step_*.safetensors"))
    if not found:
        raise EnvironmentFault("no LoRA was written", where=folder)
    return found[-1]
