"""Memory of a run by tier, rank, resolution and frames: predicted by the formulas, checked with fake tensors, and on a
CUDA card measured on a full-size random model while the process is capped at the tier's size.

The runs are those of the preset ``t2v_lora`` for LTX-2.3, video and audio, one clip a step. Without a card the measured
columns stay away, and what is printed says that it is predicted.
"""

from __future__ import annotations

import datetime as dt
import itertools
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import presets
from presets.memory import GIB, Estimate, JobShape, estimate, settled
from presets.memory.speed import seconds
from schemas import LtxTrainerConfig, validate
from trainer.preflight.memory import memory_job

PRESET: Final = "t2v_lora"
TIERS: Final = (16, 24, 32, 48, 80)
SIZES: Final = ((576, 576, 49), (576, 576, 89), (768, 512, 97), (960, 544, 89))
RANKS: Final = (16, 32, 64)
CHECKED: Final = (576, 576, 49)
"""The size that fake tensors and all phases are shown for, at the lowest rank."""
PHASES: Final = ("text_encoding", "latent_encoding", "load", "training_step", "validation", "save")


@dataclass(frozen=True, slots=True)
class Row:
    """One run on one tier."""

    tier: int
    rank: int
    size: tuple[int, int, int]
    """Width, height, frames; of clips and of validation samples."""

    @property
    def card(self) -> int:
        return self.tier * GIB

    def config(self) -> LtxTrainerConfig:
        """The preset on this tier."""
        data = presets.load(PRESET, vram=self.tier)
        data["lora"].update(rank=self.rank, alpha=self.rank)
        data["validation"]["video_dims"] = list(self.size)
        for sample in data["validation"]["samples"]:
            sample.pop("video_dims", None)
        nowhere = Path("nowhere")
        data["model"].update(model_path=str(nowhere), text_encoder_path=str(nowhere))
        data["data"]["preprocessed_data_root"] = str(nowhere)
        return validate(data)

    def job(self) -> JobShape:
        """What the estimate is made from, with what the trainer settles by itself on such a card."""
        return settled(memory_job(self.config()), self.card)

    def predicted(self) -> Estimate:
        return estimate(self.job())


def rows() -> Iterator[Row]:
    for tier in TIERS:
        for size in SIZES:
            for rank in RANKS:
                yield Row(tier, rank, size)


def main() -> None:
    """Print all tables that this machine can fill."""
    from benchmarks.vram_card import card_name, measured_table

    name = card_name()
    _say(f"{dt.datetime.now(dt.UTC).date()}, {name or f'no CUDA card ({platform.machine()})'}; GB are GiB")
    if name is None:
        _say("every number below is predicted: nothing here was measured on a card")
    _say("")
    for line in itertools.chain(phases_table(), [""], matrix_table()):
        _say(line)
    if name is not None:
        _say("")
        # All of them take the better part of an hour: those that the bars are about come first.
        for line in measured_table(sorted(rows(), key=lambda row: (row.size != CHECKED, row.rank))):
            _say(line)


def phases_table() -> Iterator[str]:
    """One run per tier in detail, its training step also on fake tensors."""
    from benchmarks.vram_oracle import fake_step

    width, height, frames = CHECKED
    yield f"predicted, {width}x{height}x{frames}, rank {RANKS[0]}: allocated GB by phase; peak of the worst phase"
    yield "with context and fragmentation; host memory in GB; time of a step by counting, 80 GB tier = 1; the step with"
    yield "AdamW on fake tensors and how far the formula for that is off"
    yield ""
    yield _line(["tier", *(name.replace("_", " ") for name in PHASES), "peak", "host", "step time", "checked step"])
    yield _line(["---"] * (len(PHASES) + 5))
    plain = seconds(*_pace(Row(TIERS[-1], RANKS[0], CHECKED)))
    for tier in TIERS:
        row = Row(tier, RANKS[0], CHECKED)
        found = row.predicted()
        # bitsandbytes' optimizer does not run on fake tensors: both sides of the check take plain AdamW.
        plain_job = replace(found.job, run=replace(found.job.run, optimizer="adamw"))
        fake, formula = fake_step(plain_job), estimate(plain_job).total("training_step")
        yield _line(
            [
                f"{tier} GB",
                *(_gb(found.total(name)) if name in found.phases else "-" for name in PHASES),
                f"**{_gb(found.peak_bytes)}**" if found.fits(row.card) else f"{_gb(found.peak_bytes)} too much",
                _gb(found.host_bytes),
                f"x {seconds(*_pace(row)) / plain:.2f}",
                "-" if fake is None else f"{_gb(fake)} ({formula / fake - 1:+.2%})",
            ]
        )


def matrix_table() -> Iterator[str]:
    """The peak of each run of the matrix."""
    yield "predicted peak in GB of the whole run, context and fragmentation included; a dash: does not fit"
    yield ""
    yield _line(["tier", "rank", *(f"{width}x{height}x{frames}" for width, height, frames in SIZES)])
    yield _line(["---"] * (2 + len(SIZES)))
    for tier in TIERS:
        for rank in RANKS:
            found = [(row.predicted(), row.card) for size in SIZES for row in [Row(tier, rank, size)]]
            cells = [_gb(one.peak_bytes) if one.fits(card) else f"- ({_gb(one.peak_bytes)})" for one, card in found]
            yield _line([f"{tier} GB", str(rank), *cells])


def _pace(row: Row) -> tuple[presets.memory.ModelShape, presets.memory.RunShape]:
    job = row.job()
    return job.model, replace(job.run)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _gb(size: int) -> str:
    return f"{size / GIB:.1f}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
