"""Media encoded for samples: the same latents as ``prepare`` gives, and kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from schemas.errors import DataError
from tests.trainer.validation.conftest import World
from trainer.data.buckets import Bucket
from trainer.data.connector_cache import ConnectorCache
from trainer.data.encode_audio import AudioGrid, sound_latents
from trainer.data.masks import video_mask
from trainer.data.pictures import read_clip
from trainer.data.pt_files import load_pt
from trainer.data.sound import Sound, read_sound
from trainer.demo.clips import ClipShape, render_clips
from trainer.files.checkpoint import ModelFiles, VaeScale, resolve_model_files
from trainer.model.audio import load_audio_encoder
from trainer.model.inputs import Modalities
from trainer.model.text import load_connectors
from trainer.model.vae import load_video_encoder
from trainer.prepare import parse_options_data, prepare
from trainer.validation import encoding
from trainer.validation.encoding import ClipRequest, MediaEncoder, Request, SoundRequest
from trainer.validation.entries import Entries
from trainer.validation.plan import audio_steps
from trainer.validation.prompts import PromptEncoder

SHAPE = ClipShape(96, 64, 33, 24)
BUCKET = Bucket(17, 64, 64)
STEPS = 18
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One clip in several roles."""
    root = tmp_path_factory.mktemp("clips")
    return render_clips(root, count=1, shape=SHAPE, roles=("video", "reference_video", "video_mask")).parent


@pytest.fixture
def encoder(files: ModelFiles, tmp_path: Path) -> MediaEncoder:
    return MediaEncoder(files, Entries(tmp_path / "cache"), CPU)


def _file(clips: Path, folder: str) -> Path:
    return clips / folder / "red_circle_right.mp4"


def test_latents_and_prompts_are_those_of_prepare(clips: Path, world: World, encoder: MediaEncoder) -> None:
    options = {
        "dataset_path": str(clips / "dataset.json"),
        "model_path": str(world.checkpoint),
        "text_encoder_path": str(world.gemma),
        "resolution_buckets": "64x64x17",
        "reference_downscale_factor": 2,
        "with_audio": True,
        "device": "cpu",
    }
    report = prepare(parse_options_data(options), lambda line: None)
    assert report.exit_code == 0, report.lines()
    whole = tuple(range(17))
    target = ClipRequest(_file(clips, "clips"), BUCKET, whole)
    reference = ClipRequest(_file(clips, "reference_video"), Bucket(17, 32, 32), whole)
    sound = SoundRequest(_file(clips, "clips"), "fill", STEPS, 17 / 24)
    found = encoder.encode([target, reference, sound])
    folders: dict[Request, str] = {target: "latents", reference: "reference_latents", sound: "audio_latents"}
    for request, folder in folders.items():
        stored = load_pt(clips / ".precomputed" / folder / "clips" / "red_circle_right.pt")["latents"]
        assert torch.equal(found[request], stored.float()), folder
    mask = load_pt(clips / ".precomputed" / "video_masks" / "clips" / "red_circle_right.pt")["mask"]
    assert torch.equal(video_mask(_file(clips, "video_mask"), BUCKET, (96, 64), VaeScale(32, 8)), mask)
    caption = json.loads((clips / "dataset.json").read_text())[0]["caption"]
    files = resolve_model_files(parse_options_data(options))
    prompt = PromptEncoder(files, encoder.entries, Modalities(), CPU, torch.float32).encode([caption])[caption]
    captions = ConnectorCache(encoder.entries.directory, "x")
    path = clips / ".precomputed" / "conditions" / "clips" / "red_circle_right.pt"
    captions.build([path], lambda: load_connectors(files, dtype=torch.float32))
    trained = captions.load(path)
    for ours, theirs in ((prompt.video_SD, trained.video_SD), (prompt.audio_SD, trained.audio_SD)):
        assert ours is not None
        assert theirs is not None
        assert torch.equal(ours, theirs)


def test_a_suffix_is_the_end(clips: Path, files: ModelFiles, encoder: MediaEncoder) -> None:
    path = _file(clips, "clips")
    frames = ClipRequest(path, BUCKET, tuple(range(16, 33)), keep_last=1)
    sound = SoundRequest(path, "end", STEPS, 17 / 24, 0.2)
    found = encoder.encode([frames, sound])
    pixels = read_clip(path, BUCKET, range(16, 33)).pixels_CFHW[None] * 2 - 1
    expected = load_video_encoder(files, dtype=torch.float32).encode(pixels)[0, :, -1:].to(torch.bfloat16)
    assert torch.equal(found[frames], expected.float())
    heard = read_sound(path)
    assert heard is not None
    tail = Sound(heard.wave_CS[:, -round(STEPS * 0.04 * heard.rate) :], heard.rate)
    voice = load_audio_encoder(files, dtype=torch.float32)
    latents = sound_latents(voice, AudioGrid.of(files), tail, STEPS * 0.04, CPU)
    assert torch.equal(found[sound], latents[:, -5:])


def test_entries_depend_on_content_and_settings(
    clips: Path, encoder: MediaEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(_file(clips, "clips").read_bytes())
    first = ClipRequest(_file(clips, "clips"), Bucket(1, 64, 64), (0,))
    made = encoder.encode([first])[first]
    folder = encoder.entries.directory
    assert len(list(folder.iterdir())) == 1

    loaded: list[str] = []

    def spy(*given: Any, **more: Any) -> Any:
        loaded.append("video encoder")
        return load_video_encoder(*given, **more)

    monkeypatch.setattr(encoding, "load_video_encoder", spy)
    same = replace(first, path=copy)
    assert torch.equal(encoder.encode([same, first, same])[same], made)
    assert loaded == []
    encoder.encode([replace(first, size=Bucket(1, 32, 64)), replace(first, indices=(1,))])
    assert (len(loaded), len(list(folder.iterdir()))) == (1, 3)
    copy.write_bytes(_file(clips, "video_mask").read_bytes())
    assert not torch.equal(encoder.encode([same])[same], made)
    (entry, *_) = sorted(folder.iterdir())
    entry.write_bytes(entry.read_bytes()[:50])
    assert len(loaded) == 2
    encoder.encode([first, same, replace(first, size=Bucket(1, 32, 64)), replace(first, indices=(1,))])
    assert len(loaded) == 3  # the damaged one was made anew


@pytest.mark.parametrize(
    ("part", "seconds", "limit", "message"),
    [
        ("start", 2.0, 99, "lasts 1.39 s, 2.00 s are needed"),
        ("end", 2.0, 99, "lasts 1.39 s, 2.00 s are needed"),
        ("fill", None, 99, "lasts 1.39 s, 3.96 s are needed"),
        ("start", 0.8, 20, "nothing is left to generate"),
        ("start", None, 20, "nothing is left to generate"),
        ("end", None, 20, "nothing is left to generate"),
    ],
)
def test_sounds_of_the_wrong_length(
    clips: Path, encoder: MediaEncoder, part: str, seconds: float | None, limit: int, message: str
) -> None:
    request = SoundRequest(_file(clips, "clips"), part, limit, limit / 25, seconds)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message):
        encoder.encode([request])


def test_a_sound_given_whole_keeps_its_length(clips: Path, encoder: MediaEncoder) -> None:
    short, long = (SoundRequest(_file(clips, "clips"), "most", limit, limit / 25) for limit in (20, 99))
    found = encoder.encode([short, long])
    assert (found[short].shape[1], found[long].shape[1]) == (20, 35)
    with pytest.raises(DataError, match="holds no sound"):
        encoder.encode([SoundRequest(_file(clips, "video_mask"), "most", 9, 0.36)])


def test_a_sound_has_as_many_steps_prepared_as_sampled(clips: Path, encoder: MediaEncoder) -> None:
    """Half way between two steps as well, where the order of products decides: 153 frames at 30 a second are 127."""
    grid = AudioGrid.of(encoder.files)
    assert audio_steps(153, 30) == 127
    for frames in range(1, 300, 8):
        for fps in (12, 15, 16, 23.976, 24, 25, 29.97, 30, 48, 50, 60):
            assert grid.steps(frames / fps) == audio_steps(frames, fps), (frames, fps)
    steps = audio_steps(9, 12.5)
    half = SoundRequest(_file(clips, "clips"), "fill", steps, 9 / 12.5)
    assert encoder.encode([half])[half].shape[1] == steps
