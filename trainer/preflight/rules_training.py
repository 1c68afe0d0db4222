"""Optimization, saving and publishing: settings that are allowed and still not what a person means."""

from __future__ import annotations

import importlib.util
import netrc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from schemas.params import resolved_scheduler_params
from trainer.preflight.facts import Facts
from trainer.preflight.problem import Problem, error, info, warning

_PARAMS: Final = "optimization.scheduler_params"
_HIGH_RATE: Final = {"lora": 1e-3, "full": 1e-4}


def learning_rate(facts: Facts) -> Iterator[Problem]:
    """Far above what is recommended for the mode."""
    rate, mode = facts.config.optimization.learning_rate, facts.config.model.training_mode
    if rate > _HIGH_RATE[mode]:
        usual = "1e-5 to 2e-4" if mode == "lora" else "about 1e-5"
        yield warning(
            "learning-rate",
            "optimization.learning_rate",
            f"{rate:g} is high for {mode} training",
            f"usual values are {usual}; the model forgets when it is too high",
        )


def scheduler(facts: Facts) -> Iterator[Problem]:
    """Schedules that rise above the learning rate, end early or never act."""
    settings = facts.config.optimization
    params = resolved_scheduler_params(settings.scheduler_type, settings.scheduler_params, settings.steps)
    floor = params.get("eta_min", 0.0)
    if floor > settings.learning_rate:
        yield error(
            "scheduler-floor",
            f"{_PARAMS}.eta_min",
            f"the lowest rate {floor:g} is above the learning rate {settings.learning_rate:g}: the rate would rise",
            "set eta_min below the learning rate",
        )
    yield from _length(settings.scheduler_type, params, settings.steps)
    if settings.warmup_steps >= settings.steps:
        yield warning(
            "warmup-too-long",
            "optimization.warmup_steps",
            f"the rate is still rising when the run ends: {settings.warmup_steps} steps of {settings.steps}",
            "usual values are 50 to 200, or a tenth of the run",
        )


def _length(kind: str, params: dict[str, float | int], steps: int) -> Iterator[Problem]:
    if kind == "polynomial" and params["total_iters"] < steps:
        yield warning(
            "scheduler-ends-early",
            f"{_PARAMS}.total_iters",
            f"the rate is 0 from step {params['total_iters']} on, the run has {steps}",
            "leave total_iters out to cover the whole run",
        )
    if kind == "cosine" and params["T_max"] < steps:
        yield warning(
            "scheduler-rises",
            f"{_PARAMS}.T_max",
            f"the rate reaches its lowest at step {params['T_max']} and rises again, the run has {steps}",
            "leave T_max out to cover the whole run",
        )
    for name in ("step_size", "T_0"):
        if params.get(name, 0) > steps:
            yield warning(
                "scheduler-never-acts",
                f"{_PARAMS}.{name}",
                f"{params[name]} is more than the {steps} steps of the run",
                f"lower it below {steps}",
            )


def precision(facts: Facts) -> Iterator[Problem]:
    """Number formats that overflow, and quantization that costs quality."""
    settings = facts.config.acceleration
    if settings.mixed_precision_mode == "fp16":
        yield warning(
            "precision-fp16",
            "acceleration.mixed_precision_mode",
            "fp16 overflows in this model's activations, which shows as non-finite losses",
            "use bf16",
        )
    if settings.quantization == "int2-quanto":
        yield warning(
            "quantization-int2",
            "acceleration.quantization",
            "2-bit weights change the model a lot, and the adapter learns to repair that",
            "use int8-quanto, or int4-quanto with block swap",
        )


def saving(facts: Facts) -> Iterator[Problem]:
    """What an interruption costs."""
    settings, steps = facts.config.checkpoints, facts.config.optimization.steps
    if settings.interval is None or settings.interval > steps:
        yield warning(
            "saved-only-at-the-end",
            "checkpoints.interval",
            "weights are saved only at the end or on a signal: a crash or a power cut loses the whole run",
            "set it to about 250",
        )
    if settings.save_training_state == "off":
        yield warning(
            "cannot-resume",
            "checkpoints.save_training_state",
            "no training state is saved: an interrupted run cannot go on",
            "set it to full, or to minimal to save space",
        )
    elif settings.save_training_state == "minimal":
        yield info(
            "resumes-without-optimizer",
            "checkpoints.save_training_state",
            "minimal leaves the optimizer's averages out: a resumed run differs a little from an uninterrupted one",
            "full resumes exactly",
        )


def wandb(facts: Facts) -> Iterator[Problem]:
    """Logging to Weights & Biases can start."""
    if not facts.config.wandb.enabled:
        return
    if importlib.util.find_spec("wandb") is None:
        yield error("wandb-not-installed", "wandb.enabled", "the package wandb is not installed", "pip install wandb")
    elif os.environ.get("WANDB_MODE") not in ("offline", "disabled") and not _wandb_key():
        yield warning(
            "wandb-no-key",
            "wandb.enabled",
            "no key for Weights & Biases was found here",
            "run `wandb login`, set WANDB_API_KEY, or set WANDB_MODE=offline",
        )


def _wandb_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators("api.wandb.ai") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def hub(facts: Facts) -> Iterator[Problem]:
    """Upload to the Hugging Face Hub has a token."""
    if not facts.config.hub.push_to_hub:
        return
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    if not os.environ.get("HF_TOKEN") and not (home / "token").is_file():
        yield warning(
            "hub-no-token",
            "hub.push_to_hub",
            "no token for the Hugging Face Hub was found here: the upload at the end would fail",
            "run `hf auth login`, or set HF_TOKEN",
        )
