"""Which frames and seconds a condition reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from schemas.errors import DataError
from schemas.validation_conditions import ValidationCondition
from tests.support.media import write_clip, write_image, write_sound
from trainer.data.buckets import Bucket
from trainer.files.checkpoint import VaeScale
from trainer.validation.encoding import ClipRequest, SoundRequest
from trainer.validation.plan import SamplePlan
from trainer.validation.requests import request_of

SCALE = VaeScale(32, 8)
PLAN = SamplePlan(0, "x", 0, 24.0, Bucket(25, 64, 128), 4, 2, 4, 26)
LENGTH = 25 / 24
CONDITION: TypeAdapter[ValidationCondition] = TypeAdapter(ValidationCondition)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "long.mp4", 50)


def _clip(kind: str, path: Path, **fields: Any) -> ClipRequest:
    name = "image_or_video" if kind == "first_frame" else "video"
    found = request_of(CONDITION.validate_python({"type": kind, name: str(path), **fields}), PLAN, SCALE)
    assert isinstance(found, ClipRequest)
    assert found.size.frames == len(found.indices)
    return found


def test_frames_from_the_start(clip: Path) -> None:
    assert _clip("first_frame", clip).indices == (0,)
    assert _clip("prefix", clip, num_frames=9).indices == tuple(range(9))
    others: dict[str, dict[str, Any]] = {
        "spatial_crop": {"spatial_region": [0, 0, 32, 32]},
        "mask": {"mask": "m.png"},
        "video_to_audio": {},
    }
    for kind, more in others.items():
        assert _clip(kind, clip, **more) == ClipRequest(clip, Bucket(25, 64, 128), tuple(range(25)))


def test_a_whole_prefix_is_what_lies_on_the_grid(tmp_path: Path) -> None:
    assert _clip("prefix", write_clip(tmp_path / "a.mp4", 20)).indices == tuple(range(17))
    assert _clip("prefix", write_image(tmp_path / "a.png")).indices == (0,)


def test_a_suffix_is_the_end_of_a_long_clip(clip: Path, tmp_path: Path) -> None:
    """With as many frames before it as the sample would hold: the encoder is causal."""
    found = _clip("suffix", clip, num_frames=16)
    assert (found.indices, found.keep_last) == (tuple(range(25, 50)), 2)
    short = write_clip(tmp_path / "a.mp4", 12)
    found = _clip("suffix", short, num_frames=8)
    assert (found.indices, found.keep_last) == (tuple(range(3, 12)), 1)
    found = _clip("suffix", short)
    assert (found.indices, found.keep_last) == (tuple(range(3, 12)), 1)
    with pytest.raises(DataError, match="has 12 frames, 17 are needed"):
        _clip("suffix", short, num_frames=16)


def test_references_are_read_as_they_are_prepared(clip: Path, tmp_path: Path) -> None:
    assert _clip("reference", clip).indices == tuple(range(25))
    half = _clip("reference", clip, temporal_scale_factor=3)
    assert half.indices == (0, *range(1, 25, 3))
    assert _clip("reference", clip, downscale_factor=2).size == Bucket(25, 32, 64)
    short = write_clip(tmp_path / "a.mp4", 20)
    assert _clip("reference", short).indices == tuple(range(17))
    assert _clip("reference", write_image(tmp_path / "a.png")).indices == (0,)


def test_sounds(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav")

    def sound(kind: str, **fields: Any) -> SoundRequest:
        found = request_of(CONDITION.validate_python({"type": kind, "audio": str(path), **fields}), PLAN, SCALE)
        assert isinstance(found, SoundRequest)
        return found

    assert sound("prefix", duration=0.5) == SoundRequest(path, "start", 26, LENGTH, 0.5)
    assert sound("suffix") == SoundRequest(path, "end", 26, LENGTH, None)
    assert sound("mask", mask="m.pt") == SoundRequest(path, "fill", 26, LENGTH)
    assert sound("reference") == sound("audio_to_video") == SoundRequest(path, "most", 26, LENGTH)
