"""``python -m trainer.probe CONFIG [--steps N] [--json]``: does it fit, and how long will it take? Measured, in small.

Progress goes to stderr, the finding to stdout. The run's own directory is not touched.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from schemas.errors import EXIT_OK
from trainer.process import run_main

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from schemas import LtxTrainerConfig
    from trainer.loop.probing import Probe

STEPS: Final = 5
_GIB: Final = 2**30
_ON_CARD: Final = "measured is what tensors took of the card at the peak of each phase, as the estimate counts"
_ON_HOST: Final = (
    "no CUDA card here: measured is what the process took of host memory (resident size) beyond what it had at the "
    "start, estimated is for a card, so they differ and nothing is kept for later estimates"
)


def probe_file(path: Path, steps: int) -> dict[str, Any]:
    """Probe a configuration file and return the finding as plain data.

    Raises WizardErrors. When memory runs out, what was found until then is printed to stderr first.
    """
    import torch

    from schemas import load_config
    from trainer.loop.oom import explain_oom
    from trainer.loop.probing import probe
    from trainer.model.out_of_memory import is_out_of_memory

    config = load_config(path).config
    found: list[Probe] = []
    with tempfile.TemporaryDirectory(prefix="ltx2-probe-") as folder:
        try:
            probe(config, steps, Path(folder) / "run", found.append)
            return finding(config, found[0])
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            said = str(error)
    reached = finding(config, found[0])
    for line in lines(reached):
        print(line, file=sys.stderr)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    raise explain_oom(config, device, said, during=f"the probe's phase {reached['phases'][-1]['phase']}")


def finding(config: LtxTrainerConfig, found: Probe) -> dict[str, Any]:
    """The stable form; fields may be added. Phases in the order they came, those of `prepare` left out."""
    phases = [
        {
            "phase": name,
            "estimated_bytes": found.predicted.get(name),
            "measured_bytes": taken.peak,
            "seconds": taken.seconds,
        }
        for name, taken in found.measured.items()
    ]
    return {
        "device": found.device or "cpu",
        "measures": "card" if found.device else "host",
        "clips": list(found.clips),
        "steps": len(found.steps),
        "phases": phases,
        "reserved_bytes": found.reserved if found.device else None,
        "step_seconds": found.step_seconds if found.steps else None,
        "run_steps": config.optimization.steps,
        "run_seconds": found.run_seconds(config) if found.steps else None,
        "recorded": _recorded(found),
    }


def _recorded(found: Probe) -> bool:
    """Keep the measurement for later estimates; a disk that refuses takes nothing from the finding."""
    from presets.memory import calibration

    if found.measurement is None:
        return False
    try:
        calibration.record(found.measurement)
    except OSError as error:
        print(f"not kept for later estimates: {error.strerror or error}", file=sys.stderr)
        return False
    return True


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The finding for a person."""
    yield f"{found['steps']} steps at {', '.join(found['clips'])} on {found['device']}"
    yield ""
    yield f"{'phase':14}  {'estimated':>10}  {'measured':>10}  {'seconds':>8}"
    for one in found["phases"]:
        name = one["phase"].replace("_", " ")
        yield f"{name:14}  {_gb(one['estimated_bytes']):>10}  {_gb(one['measured_bytes']):>10}  {one['seconds']:8.1f}"
    yield ""
    if found["reserved_bytes"]:
        yield f"the allocator held at most {_gb(found['reserved_bytes'])}"
    if found["step_seconds"] is not None:
        yield (
            f"{found['step_seconds']:.2f} s per step: about {_duration(found['run_seconds'])} for all "
            f"{found['run_steps']} steps, samples and saves included, if all clips were this long"
        )
    yield _ON_CARD if found["measures"] == "card" else _ON_HOST
    if found["recorded"]:
        yield "kept: the next estimate for this card rests on it"


def _gb(size: int | None) -> str:
    return "-" if size is None else f"{size / _GIB:.2f} GB"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, probe, print."""
    parser = argparse.ArgumentParser(prog="python -m trainer.probe", description=__doc__)
    parser.add_argument("config", type=Path, metavar="CONFIG")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    if given.steps < 1:
        parser.error("--steps must be at least 1")

    def work() -> int:
        # What the parts of the trainer say is progress here.
        with contextlib.redirect_stdout(sys.stderr):
            found = probe_file(given.config, given.steps)
        for line in [json.dumps(found, indent=2)] if given.json else lines(found):
            print(line)
        return EXIT_OK

    return run_main(work)


if __name__ == "__main__":
    sys.exit(main())
