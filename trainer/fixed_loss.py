"""``python -m trainer.fixed_loss CONFIG [--lora FILE] [--draws N] [--seed S] [--json]``: did training help?

The training loss of a step says little: clip, noise and noise level change each time. Here the loss is taken on the
same draws twice in one process, once with the base weights and once with the trained ones.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import EXIT_OK, ConfigError, NumericError
from trainer.process import run_main

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig


def fixed_losses(config: LtxTrainerConfig, weights: Path, draws: int, seed: int) -> dict[str, float]:
    """Mean loss over ``draws`` fixed draws: ``base`` and ``trained``.

    Draw k takes clip k modulo their number. ``weights`` is a LoRA file, or the exported model of a full training.
    """
    from trainer.loop.measuring import Measure

    measure = Measure.build(config, draws, seed)
    base = measure.loss()
    measure.load(weights)
    return {"base": base, "trained": measure.loss()}


def newest_export(config: LtxTrainerConfig) -> Path:
    """The newest published weights of the configuration's output directory."""
    from trainer.loop.start import PREFIXES, newest_weights

    return newest_weights(Path(config.output_dir) / "checkpoints", PREFIXES[config.model.training_mode])


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m trainer.fixed_loss", description=__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("--lora", type=Path, help="trained weights; default: the newest ones in output_dir")
    parser.add_argument("--draws", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)

    def measure() -> int:
        from schemas import load_config

        if options.draws < 1:
            raise ConfigError("--draws must be at least 1")
        config = load_config(options.config).config
        found = fixed_losses(config, options.lora or newest_export(config), options.draws, options.seed)
        if not all(map(math.isfinite, found.values())):
            raise NumericError(f"a loss is not finite: {found}", hint="the weights hold NaN or infinity")
        if options.json:
            sys.stdout.write(json.dumps(found) + "\n")
        else:
            change = found["trained"] / found["base"] - 1
            sys.stdout.write(f"base {found['base']:.5f}  trained {found['trained']:.5f}  ({change:+.1%})\n")
        return EXIT_OK

    return run_main(measure)


if __name__ == "__main__":
    sys.exit(main())
