"""The tiny world of the tests: a checkpoint in the published format, a Gemma directory, real clips, prepared data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer.demo.clips import ClipShape
    from trainer.demo.official_config import Family


@dataclass(frozen=True, slots=True)
class TinyWorld:
    """Where its parts lie."""

    root: Path
    checkpoint: Path
    gemma: Path
    dataset_json: Path

    def options(self, **changes: Any) -> dict[str, Any]:
        """Options of ``prepare`` for this world, as plain data."""
        return {
            "dataset_path": str(self.dataset_json),
            "model_path": str(self.checkpoint),
            "text_encoder_path": str(self.gemma),
            "resolution_buckets": "64x64x25",
            "device": "cpu",
            **changes,
        }


def tiny_world(
    root: Path,
    family: Family = "2.0",
    roles: Sequence[str] = ("video",),
    *,
    count: int = 6,
    shape: ClipShape | None = None,
) -> TinyWorld:
    """Build what is missing below ``root``: 2 s for a checkpoint, 1 s for six clips of 96x64x75 at 25 fps."""
    from trainer import demo_assets

    assets = demo_assets.build(root, family=family, roles=roles, count=count, shape=shape)
    return TinyWorld(root, assets.checkpoint, assets.gemma, assets.dataset_json)


def prepared(world: TinyWorld, **changes: Any) -> Path:
    """Prepare the world's clips (3 s for six of 64x64x25) and return the data root; what exists is kept.

    ``changes`` are options of ``prepare``; a clip that is dropped or silent fails the test that asked for it.
    """
    from trainer.prepare import parse_options_data, prepare

    report = prepare(parse_options_data(world.options(**changes)), lambda line: None)
    assert report.exit_code == 0, report.lines()
    return Path(changes.get("output_dir") or world.dataset_json.parent / ".precomputed")
