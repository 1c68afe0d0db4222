"""From home to a saved file by keys alone, for each goal, on the very clips and the model that the demo makes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import presets
from schemas import load_config
from tests.presets_end_to_end.journey import Journey
from tests.tui.app.support import app
from tests.tui.app.test_stories import Typist, errors
from tui.app.screens.home import HomeScreen
from tui.demo.changes import Change, changes, media_role
from tui.demo.world import world_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guided")


@pytest.mark.parametrize("goal", presets.names())
async def test_each_goal_leads_to_a_file_that_passes_the_check_on_the_demo(
    goal: str, root: Path, own_directories: Path
) -> None:
    journey = Journey.of(root, goal)
    journey.make_inputs()
    journey.prepare()
    world = world_of(journey.layout, journey.needs, seed=42, steps=12)
    data = presets.load(goal)
    _links(own_directories, {"m.safetensors": world.checkpoint, "gemma": world.text_encoder, "data": world.prepared})
    media = list(_media(data, world.clip))
    _links(own_directories, {name: target for _, _, name, target in media})
    renamed = [(path, name) for path, before, name, _ in media if name != before]
    async with app(HomeScreen()).run_test(size=(100, 30)) as pilot:
        typist = Typist(pilot)
        await typist.goal(goal)
        await typist.files()
        for path, text in _to_type(changes(data, world), len(data["validation"]["samples"]), renamed):
            await typist.field(path, text, "f2" if path.endswith("stg_blocks") else "enter")
        await typist.save()
    assert errors(own_directories / f"{goal}.yaml") == []
    assert load_config(own_directories / f"{goal}.yaml").config.validation.stg_blocks == [1]


def _links(folder: Path, wanted: dict[str, Path]) -> None:
    for name, target in wanted.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)


def _media(data: dict[str, Any], clip: Any) -> Iterable[tuple[str, str, str, Path]]:
    """The files that the preset's samples name, each standing for one of the first clip.

    Its field, its name in the preset, the same with the ending that the clip's file has, and that file.
    """
    for index, sample in enumerate(data["validation"]["samples"]):
        for place, condition in enumerate(sample.get("conditions", [])):
            for field in ("image_or_video", "video", "audio", "mask"):
                if (name := condition.get(field)) is not None:
                    target = Path(clip[media_role(condition, field, clip)])
                    path = f"validation.samples[{index}].conditions[{place}].{field}"
                    yield path, name, str(Path(name).with_suffix(target.suffix)), target


def _to_type(found: Iterable[Change], samples: int, renamed: list[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """What the small model and clips cannot do as the preset has it, for every sample: a path and text to type."""
    for change in found:
        if change.path.endswith(("spatial_region", "video_dims", "stg_blocks")):
            text = ", ".join(map(str, change.value))
            yield from ((path, text) for path in _for_samples(change.path, samples))
    yield from renamed


def _for_samples(path: str, samples: int) -> Iterable[str]:
    return dict.fromkeys(path.replace("samples[0]", f"samples[{index}]") for index in range(samples))
