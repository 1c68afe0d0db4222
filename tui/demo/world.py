"""What the demo's processes have made, and how its clips are prepared."""

from __future__ import annotations

import json

from schemas.prepare import PrepareOptions
from trainer.files.checkpoint import read_checkpoint
from tui.demo.changes import World
from tui.demo.layout import DemoLayout
from tui.demo.needs import Needs


def prepare_options(layout: DemoLayout, needs: Needs) -> PrepareOptions:
    """How the clips become latents and text features."""
    return PrepareOptions(
        dataset_path=layout.dataset,
        resolution_buckets=needs.buckets,
        skip_audio=not needs.sound,
        device="auto",
        model_path=layout.checkpoint,
        text_encoder_path=layout.text_encoder,
    )


def world_of(layout: DemoLayout, needs: Needs, *, seed: int, steps: int) -> World:
    """The tiny world as its files are."""
    row = json.loads(layout.dataset.read_text(encoding="utf-8"))[0]
    caption = row.pop("caption")
    roles = {"media_path": "video"}
    return World(
        checkpoint=layout.checkpoint,
        layers=int(read_checkpoint(layout.checkpoint).section("transformer")["num_layers"]),
        text_encoder=layout.text_encoder,
        prepared=layout.prepared,
        caption=caption,
        clip={roles.get(column, column): str(layout.dataset.parent / name) for column, name in row.items()},
        needs=needs,
        seed=seed,
        steps=steps,
    )
