"""Trainer overhead: what a step costs beside forward, backward and optimizer.

The real loop runs on the tiny model with clips long enough for steps of about a second. Time inside the network's
forward, the backward pass and the optimizer's step is taken where they happen; a step lasts from one metrics report to
the next. Bar: the median share of everything else is at most 2 %.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = 55
WARM_UP = 5


def _dataset(root: Path) -> None:
    """Prepared files with long clips: 9 x 20 x 20 video tokens, 70 audio tokens, 128 caption positions."""
    import torch

    torch.manual_seed(0)
    for name in ("a", "b", "c", "d"):
        video = {
            "latents": torch.randn(32, 9, 20, 20).bfloat16(),
            "num_frames": 9,
            "height": 20,
            "width": 20,
            "fps": 24.0,
        }
        audio = {"latents": torch.randn(2, 70, 16), "num_time_steps": 70, "frequency_bins": 16, "duration": 2.8}
        text = {
            "video_prompt_embeds": torch.randn(128, WIDTH).bfloat16(),
            "audio_prompt_embeds": torch.randn(128, WIDTH).bfloat16(),
            "prompt_attention_mask": torch.ones(128, dtype=torch.int64),
        }
        for folder, content in (("latents", video), ("audio_latents", audio), ("conditions", text)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            torch.save(content, root / folder / f"{name}.pt")


class Stopwatch:
    """Adds up the time spent inside the functions it wraps."""

    def __init__(self) -> None:
        self.inside = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.inside += time.perf_counter() - started

        return timed


def _measure(config_path: Path) -> list[tuple[float, float]]:
    """(step seconds, seconds inside the network and the optimizer) of each step of a real run."""
    import torch
    from accelerate import Accelerator

    from trainer.loop.reporter import Reporter
    from trainer.loop.run import run
    from trainer.model.transformer import LtxTransformer

    watch, steps = Stopwatch(), list[tuple[float, float]]()
    last = time.perf_counter()
    report = Reporter.metrics

    def reported(self: Reporter, *arguments: Any) -> None:
        nonlocal last
        report(self, *arguments)
        now = time.perf_counter()
        steps.append((now - last, watch.inside))
        last, watch.inside = now, 0.0

    patches = [
        (LtxTransformer, "forward", watch.around(LtxTransformer.forward)),
        (Accelerator, "backward", watch.around(Accelerator.backward)),
        (torch.optim.AdamW, "step", watch.around(torch.optim.AdamW.step)),
        (Reporter, "metrics", reported),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in patches]
    for owner, name, function in patches:
        setattr(owner, name, function)
    try:
        run(config_path)
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)
    return steps[WARM_UP:]


def main() -> None:
    """Build the world, run, print the median overhead."""
    import presets
    from schemas import render_yaml, validate
    from schemas.overrides import apply
    from trainer.demo_assets import build

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        assets = build(root)
        _dataset(root / "prepared")
        changes = {
            "model.model_path": assets.checkpoint, "model.text_encoder_path": assets.gemma,
            "data.preprocessed_data_root": root / "prepared", "output_dir": root / "run",
            "optimization.steps": STEPS, "checkpoints.interval": "null", "validation.interval": "null",
            "acceleration.mixed_precision_mode": '"no"', "optimization.enable_gradient_checkpointing": "false",
        }  # fmt: skip
        data = apply(presets.load("t2v_lora"), [f"{path}={value}" for path, value in changes.items()])
        data["validation"]["samples"] = []
        config_path = root / "config.yaml"
        config_path.write_text(render_yaml(validate(data)), encoding="utf-8")
        measured = _measure(config_path)
    seconds = statistics.median(step for step, _ in measured)
    share = statistics.median(1 - inside / step for step, inside in measured)
    sys.stdout.write(f"steps {len(measured)}, median {seconds:.2f} s, overhead {share:.2%}   bar 2 %\n")


WIDTH = 64
"""Width of the tiny text features; read from the checkpoint by `prepare`, fixed here."""
