"""The demo's clips are real media files that show and sound what their captions say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from trainer.demo.clips import ROLES, ClipShape, render_clips
from trainer.demo.scenes import SCENES, render_frames, render_mask, render_wave

SHAPE = ClipShape(width=64, height=64, frames=26, fps=25)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    root = tmp_path_factory.mktemp("clips")
    dataset = render_clips(root, count=2, shape=SHAPE, roles=ROLES, silent={1})
    data = json.loads(dataset.read_text())
    return [{key: value if key == "caption" else root / value for key, value in row.items()} for row in data]


def test_every_role_has_its_column(rows: list[dict[str, Any]]) -> None:
    roles = {role for role in ROLES if role != "video"} | {"media_path", "caption"}
    assert [set(row) for row in rows] == [roles, roles]


def test_video_is_h264_with_stereo_aac_and_the_rendered_picture(rows: list[dict[str, Any]]) -> None:
    with av.open(str(rows[0]["media_path"])) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name, audio.channels) == ("h264", "aac", 2)
        assert video.average_rate == SHAPE.fps
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    assert frames.shape == (26, 64, 64, 3)
    rendered = render_frames(SCENES[0], 64, 64, 26)
    assert np.abs(frames.astype(int) - rendered.astype(int)).mean() < 6  # 4:2:0 blurs the coloured edges


def test_silent_clips_have_no_sound_track(rows: list[dict[str, Any]]) -> None:
    with av.open(str(rows[1]["media_path"])) as container:
        assert not container.streams.audio


def test_sound_follows_the_shape() -> None:
    wave = render_wave(SCENES[0], 1.0, 16000)  # from left to right
    left, right = np.abs(wave[0]), np.abs(wave[1])
    assert left[:4000].mean() > 2 * right[:4000].mean()
    assert right[-4000:].mean() > 2 * left[-4000:].mean()


def test_mask_covers_the_shape_and_not_everything() -> None:
    mask = render_mask(SCENES[0], 64, 64, 9) > 127
    red = render_frames(SCENES[0], 64, 64, 9)[..., 0] > 150
    assert (mask[..., 0] | ~red).all()
    assert 0.02 < mask.mean() < 0.5


def test_existing_files_are_kept(tmp_path: Path) -> None:
    render_clips(tmp_path, count=1, shape=SHAPE)
    clip = next((tmp_path / "clips").glob("*.mp4"))
    clip.write_bytes(b"mine")
    render_clips(tmp_path, count=1, shape=SHAPE)
    assert clip.read_bytes() == b"mine"


def test_unknown_roles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lyrics"):
        render_clips(tmp_path, roles=("lyrics",))
