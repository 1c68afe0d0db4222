"""``python -m trainer.fixed_loss CONFIG [--lora FILE] [--draws N] [--seed S ...] [--json]``: did training help?

The training loss of a step says little: clip, noise and noise level change each time. Here the loss is taken on the
same draws twice in one process, once with the base weights and once with the trained ones.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import EXIT_OK, ConfigError, NumericError
from trainer.process import run_main

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas import LtxTrainerConfig


@dataclass(frozen=True, slots=True)
class FixedLoss:
    """Mean loss over the draws of one seed, before and after training."""

    seed: int
    base: float
    trained: float


def fixed_losses(config: LtxTrainerConfig, weights: Path, draws: int, seeds: Sequence[int]) -> list[FixedLoss]:
    """Mean loss over ``draws`` fixed draws of each seed, with the base weights and with the trained ones.

    Draw k takes clip k modulo their number. ``weights`` is a LoRA file, or the exported model of a full training.
    """
    from trainer.loop.measuring import Measure

    measure = Measure.build(config, draws)
    base = [measure.loss(seed) for seed in seeds]
    measure.load(weights)
    return [FixedLoss(seed, before, measure.loss(seed)) for seed, before in zip(seeds, base, strict=True)]


def newest_export(config: LtxTrainerConfig) -> Path:
    """The newest published weights of the configuration's output directory."""
    from trainer.loop.start import newest_weights

    return newest_weights(Path(config.output_dir) / "checkpoints", config.model.training_mode)


def _json(found: list[FixedLoss]) -> str:
    """One object: the mean over all seeds, and each seed."""
    mean = {key: math.fsum(getattr(one, key) for one in found) / len(found) for key in ("base", "trained")}
    return json.dumps({**mean, "seeds": [asdict(one) for one in found]}) + "\n"


def _text(found: list[FixedLoss]) -> str:
    return "".join(
        f"seed {one.seed}: base {one.base:.5f}  trained {one.trained:.5f}  ({one.trained / one.base - 1:+.1%})\n"
        for one in found
    )


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m trainer.fixed_loss", description=__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("--lora", type=Path, help="trained weights; default: the newest ones in output_dir")
    parser.add_argument("--draws", type=int, default=32)
    parser.add_argument("--seed", type=int, action="append", help="seed of the draws; repeatable (default 0)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)

    def measure() -> int:
        from schemas import load_config

        if options.draws < 1:
            raise ConfigError("--draws must be at least 1")
        config = load_config(options.config).config
        found = fixed_losses(config, options.lora or newest_export(config), options.draws, options.seed or [0])
        if not all(math.isfinite(loss) for one in found for loss in (one.base, one.trained)):
            raise NumericError(f"a loss is not finite: {found}", hint="the weights hold NaN or infinity")
        sys.stdout.write(_json(found) if options.json else _text(found))
        return EXIT_OK

    return run_main(measure)


if __name__ == "__main__":
    sys.exit(main())
