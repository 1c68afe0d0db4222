"""Weights & Biases: a copy of what events.jsonl holds, never a reason to fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from trainer.loop.reporter import Reporter

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig
    from trainer.validation.output import SampleFile


class Tracker(Protocol):
    """Where metrics also go."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Metrics of an optimizer step."""
        ...

    def log_samples(self, step: int, samples: Sequence[SampleFile]) -> None:
        """Validation samples made after an optimizer step."""
        ...

    def close(self, exit_code: int) -> None:
        """The run is over."""
        ...


class NoTracker:
    """Nowhere."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Do nothing."""

    def log_samples(self, step: int, samples: Sequence[SampleFile]) -> None:
        """Do nothing."""

    def close(self, exit_code: int) -> None:
        """Do nothing."""


class WandbTracker:
    """A Weights & Biases run. The first trouble is told and ends the tracking, not the training."""

    def __init__(self, run: Any, client: Any, reporter: Reporter, *, with_samples: bool) -> None:
        """``run`` is what ``client``, the wandb module, has opened."""
        self._run, self._client, self._reporter = run, client, reporter
        self._with_samples = with_samples
        self._troubles = (client.Error, OSError, RuntimeError, ValueError)
        self._broken = False

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Metrics under ``train/``, at the optimizer step."""
        if self._broken:
            return
        try:
            self._run.log({f"train/{name}": value for name, value in metrics.items()}, step=step)
        except self._troubles as trouble:
            self._give_up(trouble)

    def log_samples(self, step: int, samples: Sequence[SampleFile]) -> None:
        """Samples as media under ``validation_samples``, at the optimizer step."""
        if self._broken or not self._with_samples or not samples:
            return
        try:
            media = [self._media(sample) for sample in samples]
            self._run.log({"validation_samples": media}, step=step)
        except self._troubles as trouble:
            self._give_up(trouble)

    def _media(self, sample: SampleFile) -> Any:
        kinds = {".png": self._client.Image, ".wav": self._client.Audio}
        kind = kinds.get(sample.path.suffix, self._client.Video)
        return kind(str(sample.path), caption=sample.prompt)

    def close(self, exit_code: int) -> None:
        """Finish the run there."""
        if self._broken:
            return
        try:
            self._run.finish(exit_code=exit_code)
        except self._troubles as trouble:
            self._give_up(trouble)

    def _give_up(self, trouble: Exception) -> None:
        self._broken = True
        self._reporter.warn("wandb", f"Weights & Biases is not reached any more, training goes on: {trouble}")


def start_tracker(config: LtxTrainerConfig, run_id: str, reporter: Reporter) -> Tracker:
    """Begin tracking if the configuration asks for it; trouble becomes a warning.

    ``run_id`` names the run there, so that a resumed run goes on in the same one. WANDB_MODE decides between online
    and offline before anything is sent.
    """
    if not config.wandb.enabled:
        return NoTracker()
    try:
        import wandb
    except ImportError as error:
        reporter.warn("wandb", f"Weights & Biases cannot be loaded, training goes on without: {error}")
        return NoTracker()
    try:
        run = wandb.init(
            project=config.wandb.project,
            entity=config.wandb.entity,
            tags=list(config.wandb.tags),
            name=config.output_dir.name,
            id=run_id,
            resume="allow",
            dir=str(config.output_dir),
            config=config.model_dump(mode="json"),
            settings=wandb.Settings(init_timeout=30, console="off", silent=True),
        )
    except (wandb.Error, OSError, RuntimeError, ValueError) as error:
        reporter.warn("wandb", f"Weights & Biases cannot be reached, training goes on without: {error}")
        return NoTracker()
    if run.url:  # none when it works offline
        reporter.link("Weights & Biases", run.url)
    return WandbTracker(run, wandb, reporter, with_samples=config.wandb.log_validation_videos)
