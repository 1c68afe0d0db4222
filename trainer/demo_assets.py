"""``python -m trainer.demo_assets DIR``: everything the demo needs that users bring themselves.

Writes a tiny checkpoint, a tiny Gemma 3 directory and a few real clips with captions; what exists is kept.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer.demo.clips import ClipShape
    from trainer.demo.official_config import Family

ROLES = ("video", "audio", "reference_video", "reference_audio", "video_mask", "audio_mask")
CLIPS = 6


@dataclass(frozen=True, slots=True)
class DemoAssets:
    """Where the demo's inputs lie."""

    checkpoint: Path
    gemma: Path
    dataset_json: Path

    @staticmethod
    def under(root: Path, family: str = "2.0", data: str = "data") -> DemoAssets:
        return DemoAssets(root / f"ltx-{family}-tiny.safetensors", root / "gemma", root / data / "dataset.json")


def build(
    root: Path,
    *,
    family: Family = "2.0",
    roles: Sequence[str] = ("video",),
    seed: int = 0,
    count: int = CLIPS,
    shape: ClipShape | None = None,
    data: str = "data",
) -> DemoAssets:
    """Write what is missing under ``root`` (the clips in its folder ``data``) and say so on stdout, one line a part."""
    assets = DemoAssets.under(root, family, data)
    if not assets.checkpoint.exists():
        from trainer.demo.tiny import write_tiny_checkpoint

        write_tiny_checkpoint(assets.checkpoint, family, seed)
    _say("checkpoint", assets.checkpoint)
    if not (assets.gemma / "config.json").exists():
        from trainer.demo.gemma import write_tiny_gemma

        write_tiny_gemma(assets.gemma, seed)
    _say("text encoder", assets.gemma)
    from trainer.demo.clips import render_clips

    render_clips(assets.dataset_json.parent, count=count, shape=shape, roles=roles)
    _say("clips", assets.dataset_json)
    return assets


def _say(what: str, path: Path) -> None:
    print(f"{what}: {path}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m trainer.demo_assets", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--family", choices=("2.0", "2.3"), default="2.0")
    parser.add_argument("--roles", default="video", help=f"comma-separated, of {', '.join(ROLES)}")
    parser.add_argument("--data", default="data", help="folder of the clips below DIR (default: data)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    roles = options.roles.split(",")
    if unknown := sorted(set(roles) - set(ROLES)):
        parser.error(f"unknown roles: {', '.join(unknown)}")
    build(options.directory, family=options.family, roles=roles, seed=options.seed, data=options.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
