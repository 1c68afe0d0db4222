"""The tiny world of the tests: a checkpoint in the published format, a Gemma directory and real clips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer.demo.official_config import Family


@dataclass(frozen=True, slots=True)
class TinyWorld:
    """Where its parts lie."""

    root: Path
    checkpoint: Path
    gemma: Path
    dataset_json: Path


def tiny_world(root: Path, family: Family = "2.0", roles: Sequence[str] = ("video",)) -> TinyWorld:
    """Build what is missing below ``root``: 2 s for a checkpoint, 1 s for six clips of 96x64x75 at 25 fps."""
    from trainer import demo_assets

    assets = demo_assets.build(root, family=family, roles=roles)
    return TinyWorld(root, assets.checkpoint, assets.gemma, assets.dataset_json)
