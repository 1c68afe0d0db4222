"""Preparing datasets end to end on the tiny world: real media, real encoders, real files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from schemas.errors import EXIT_DATA, EXIT_OK, CheckpointError, DataError, EnvironmentFault, UsageError
from tests.support.tiny import TinyWorld
from trainer import prepare as module
from trainer.data import probe_cache
from trainer.data.buckets import Bucket
from trainer.data.captions import prompt_of
from trainer.data.films import write_mp4, write_wav
from trainer.data.pictures import read_clip
from trainer.data.report import REPORT_NAME, Report
from trainer.demo.scenes import SCENES, render_frames, render_wave
from trainer.files.checkpoint import resolve_model_files
from trainer.files.media import MediaInfo
from trainer.files.media import probe as real_probe
from trainer.model.text import load_extractor
from trainer.model.text_encoder import load_text_encoder
from trainer.model.vae import load_video_encoder
from trainer.prepare import parse_options_data

Prepare = Callable[..., Report]


@pytest.fixture
def workplace(tmp_path: Path, world: TinyWorld) -> Prepare:
    """``prepare(rows, **options)`` on a dataset file in ``tmp_path``."""

    def run(rows: list[dict[str, Any]], **options: Any) -> Report:
        dataset = tmp_path / "dataset.json"
        dataset.write_text(json.dumps(rows))
        given = world.options(dataset_path=str(dataset), **options)
        return module.prepare(parse_options_data(given), lambda line: None)

    return run


def _clip(path: Path, frames: int, fps: float = 25, *, seconds: float | None = None, size: int = 64) -> str:
    """A clip of a moving shape, with ``seconds`` of its sound or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = render_wave(SCENES[0], seconds, 48000) if seconds else None
    write_mp4(path, render_frames(SCENES[0], size, size, frames), fps, sound, 48000)
    return path.name


def _wave(path: Path) -> str:
    write_wav(path, render_wave(SCENES[0], 0.6, 48000), 48000)
    return path.name


def _load(tmp_path: Path, directory: str, name: str) -> dict[str, Any]:
    path = tmp_path / ".precomputed" / directory / f"{name}.pt"
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


def test_files_have_exactly_the_keys_types_and_shapes_of_the_format(data: Path, world: TinyWorld) -> None:
    def described(directory: str) -> dict[str, Any]:
        content = torch.load(data / directory / "clips" / f"{SCENES[0].name}.pt", weights_only=True)
        return {
            key: (value.dtype, tuple(value.shape)) if isinstance(value, torch.Tensor) else value
            for key, value in content.items()
        }

    video = {"latents": (torch.bfloat16, (32, 4, 2, 2)), "num_frames": 4, "height": 2, "width": 2, "fps": 25.0}
    audio = {
        "latents": (torch.float32, (2, 25, 16)),
        "num_time_steps": 25,
        "frequency_bins": 16,
        "duration": 1.0,
    }
    assert described("latents") == video
    assert described("reference_latents") == video
    assert described("audio_latents") == audio
    assert described("reference_audio_latents") == audio
    assert described("video_masks") == {"mask": (torch.float32, (4, 2, 2))}
    assert described("audio_masks") == {"mask": (torch.float32, (25,))}
    assert described("conditions") == {
        "video_prompt_embeds": (torch.bfloat16, (1024, 64)),
        "audio_prompt_embeds": (torch.bfloat16, (1024, 64)),
        "prompt_attention_mask": (torch.int64, (1024,)),
    }
    mask = torch.load(data / "conditions" / "clips" / f"{SCENES[0].name}.pt", weights_only=True)[
        "prompt_attention_mask"
    ]
    length = len(SCENES[0].caption.encode()) + 1  # one token a byte, and the beginning of text
    assert mask.tolist() == [0] * (1024 - length) + [1] * length


def test_features_and_latents_are_what_the_encoders_give(data: Path, world: TinyWorld) -> None:
    files = resolve_model_files(parse_options_data(world.options()))
    encoder, extractor = load_text_encoder(files), load_extractor(files)
    expected, _ = extractor(*encoder.encode([prompt_of(SCENES[1].caption)]))
    stored = torch.load(data / "conditions" / "clips" / f"{SCENES[1].name}.pt", weights_only=True)
    assert torch.equal(stored["video_prompt_embeds"], expected[0].bfloat16())

    clip = read_clip(world.dataset_json.parent / "clips" / f"{SCENES[1].name}.mp4", Bucket(25, 64, 64))
    vae = load_video_encoder(files, dtype=torch.float32)
    latents = vae.encode(clip.pixels_CFHW[None] * 2 - 1)[0]
    found = torch.load(data / "latents" / "clips" / f"{SCENES[1].name}.pt", weights_only=True)["latents"]
    assert torch.equal(found, latents.bfloat16())
    assert 0.5 < float(found.float().std()) < 2  # the tiny statistics fit the demo scenes


def test_what_exists_is_kept_and_what_is_missing_is_made(data: Path, world: TinyWorld, tmp_path: Path) -> None:
    root = tmp_path / "out"
    shutil.copytree(data, root)
    lost = root / "video_masks" / "clips" / f"{SCENES[2].name}.pt"
    lost.unlink()
    times = {path: path.stat().st_mtime_ns for path in root.rglob("*.pt")}
    options = parse_options_data(world.options(output_dir=str(root)))
    said: list[str] = []
    report = module.prepare(options, said.append)
    assert dict(report.written) == {"video_masks": 1}
    assert lost.exists()
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert not [line for line in said if line.startswith("loading")]


def test_overwrite_makes_everything_anew_masks_included(data: Path, world: TinyWorld, tmp_path: Path) -> None:
    root = tmp_path / "out"
    shutil.copytree(data, root)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.pt")}
    module.prepare(parse_options_data(world.options(output_dir=str(root), overwrite=True)), lambda line: None)
    kept = [path for path, time in before.items() if path.stat().st_mtime_ns == time]
    assert len(before) == 21
    assert kept == []


def test_an_interrupted_overwrite_leaves_gaps_not_old_files(data: Path, world: TinyWorld, tmp_path: Path) -> None:
    root = tmp_path / "out"
    shutil.copytree(data, root)

    def interrupt(line: str) -> None:
        if line.startswith("videos 1/"):
            raise KeyboardInterrupt

    options = world.options(output_dir=str(root), overwrite=True, lora_trigger="SKS")
    with pytest.raises(KeyboardInterrupt):
        module.prepare(parse_options_data(options), interrupt)
    assert not list((root / "audio_latents").rglob("*.pt"))
    assert not list((root / "video_masks").rglob("*.pt"))
    report = module.prepare(parse_options_data(options | {"overwrite": False}), lambda line: None)
    assert report.exit_code == EXIT_OK
    assert report.kept["conditions"] == 3
    assert report.written["video_masks"] == 3


def test_a_damaged_file_from_before_is_reported(data: Path, world: TinyWorld, tmp_path: Path) -> None:
    root = tmp_path / "out"
    shutil.copytree(data, root)
    broken = root / "latents" / "clips" / f"{SCENES[0].name}.pt"
    broken.write_bytes(b"half")
    report = module.prepare(parse_options_data(world.options(output_dir=str(root))), lambda line: None)
    assert report.exit_code == EXIT_DATA
    assert {one.name for one in report.dropped} == {f"clips/{SCENES[0].name}"}


def test_clips_are_looked_into_once(
    data: Path, world: TinyWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Path] = []

    def look(path: Path) -> MediaInfo:
        looked.append(path)
        return real_probe(path)

    monkeypatch.setattr(probe_cache, "probe", look)
    cache = probe_cache.ProbeCache(data)
    clips = sorted((world.dataset_json.parent / "clips").iterdir())
    assert [cache.probe(clip) for clip in clips] == [real_probe(clip) for clip in clips]
    assert looked == []  # known since the world was prepared
    changed = tmp_path / clips[0].name
    shutil.copy(clips[0], changed)
    again = probe_cache.ProbeCache(tmp_path)
    again.probe(changed)
    again.save()
    changed.write_bytes(clips[1].read_bytes())
    probe_cache.ProbeCache(tmp_path).probe(changed)
    assert looked == [changed, changed]


def test_other_settings_do_not_mix_with_what_is_there(data: Path, world: TinyWorld, tmp_path: Path) -> None:
    root = tmp_path / "out"
    shutil.copytree(data, root)
    changed = world.options(output_dir=str(root), lora_trigger="SKS", resolution_buckets="64x64x17")
    with pytest.raises(UsageError, match="another lora_trigger, resolution_buckets"):
        module.prepare(parse_options_data(changed), lambda line: None)


def test_short_clips_are_dropped_with_their_reason(workplace: Prepare, tmp_path: Path) -> None:
    rows = [
        {"caption": "one", "video": _clip(tmp_path / "long.mp4", 26, seconds=1.1)},
        {"caption": "two", "video": _clip(tmp_path / "short.mp4", 8, seconds=0.3)},
        {"caption": "three", "video": "absent.mp4"},
    ]
    report = workplace(rows)
    assert report.exit_code == EXIT_DATA
    assert [(one.name, one.reason) for one in report.dropped] == [
        ("short", "too short: 8 frames, the shortest bucket needs 25"),
        ("absent", "there is no such file"),
    ]
    assert report.buckets == {"64x64x25": 1}
    assert [path.name for path in (tmp_path / ".precomputed" / "conditions").iterdir()] == ["long.pt"]
    written = json.loads((tmp_path / ".precomputed" / REPORT_NAME).read_text())
    assert not written["ok"]
    assert written["dropped"][0]["reason"].startswith("too short")
    assert any("too short" in line for line in report.lines())


def test_a_silent_video_is_reported_unless_sound_is_not_wanted(workplace: Prepare, tmp_path: Path) -> None:
    rows = [{"caption": "one", "video": _clip(tmp_path / "mute.mp4", 25)}]
    for _ in range(2):  # and is reported again by a second run
        report = workplace(rows)
        assert report.exit_code == EXIT_DATA
        assert [one.name for one in report.missing_audio] == ["mute"]
    assert (tmp_path / ".precomputed" / "latents" / "mute.pt").exists()
    report = workplace(rows, skip_audio=True)
    assert report.exit_code == EXIT_OK
    assert not (tmp_path / ".precomputed" / "audio_latents").exists()


def test_sound_that_cannot_be_decoded_is_an_error_not_silence(workplace: Prepare, tmp_path: Path) -> None:
    write_wav(tmp_path / "good.wav", render_wave(SCENES[0], 1, 16000), 16000)
    (tmp_path / "bad.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:40])
    rows = [{"caption": "one", "video": _clip(tmp_path / "a.mp4", 25), "audio": "bad.wav"}]
    report = workplace(rows)
    assert report.exit_code == EXIT_DATA
    assert [(one.phase, Path(one.path).name) for one in report.dropped] == [("audio", "bad.wav")]


def test_an_audio_column_is_cut_to_the_clips_real_length(workplace: Prepare, tmp_path: Path) -> None:
    """At 12.5 fps, 25 frames last two seconds; a bound computed with 25 fps would keep one."""
    write_wav(tmp_path / "a.wav", render_wave(SCENES[0], 3, 16000), 16000)
    write_wav(tmp_path / "b.wav", render_wave(SCENES[0], 0.5, 16000), 16000)
    rows = [
        {"caption": "one", "video": _clip(tmp_path / "a.mp4", 25, 12.5), "audio": "a.wav"},
        {"caption": "two", "video": _clip(tmp_path / "b.mp4", 25, 12.5), "audio": "b.wav"},
    ]
    report = workplace(rows)
    assert report.exit_code == EXIT_OK
    for name in "ab":
        content = _load(tmp_path, "audio_latents", name)
        assert (content["duration"], content["num_time_steps"]) == (2.0, 50)
    assert [one.name for one in report.notes] == ["b"]
    assert "silence was added" in report.notes[0].reason


@pytest.mark.parametrize(("frames", "fps", "steps"), [(25, 24, 26), (17, 29.97, 14)])
def test_audio_has_the_number_of_steps_that_sampling_uses(
    workplace: Prepare, tmp_path: Path, frames: int, fps: float, steps: int
) -> None:
    rows = [{"caption": "one", "video": _clip(tmp_path / "a.mp4", frames, fps, seconds=1.2)}]
    workplace(rows, resolution_buckets=f"64x64x{frames}")
    content = _load(tmp_path, "audio_latents", "a")
    assert content["num_time_steps"] == steps == round(frames / fps * 25)
    assert content["latents"].shape[1] == steps


def test_images_are_one_frame_at_the_wanted_rate(workplace: Prepare, tmp_path: Path) -> None:
    picture = Image.fromarray(render_frames(SCENES[0], 96, 64, 1)[0])
    for name in ("a.png", "b.webp", "c.jpg"):
        picture.save(tmp_path / name)
    rows = [{"caption": name, "video": name} for name in ("a.png", "b.webp", "c.jpg")]
    report = workplace(rows, resolution_buckets="64x64x1;64x64x25")
    assert report.exit_code == EXIT_OK  # pictures have no sound to miss
    for name in "abc":
        content = _load(tmp_path, "latents", name)
        assert (content["num_frames"], content["fps"]) == (1, 24.0)
    assert workplace(rows, resolution_buckets="64x64x1;64x64x25", image_fps=30.0, overwrite=True).exit_code == EXIT_OK
    assert _load(tmp_path, "latents", "b")["fps"] == 30.0


def test_a_bucket_of_one_frame_takes_the_first_frame_of_a_video(workplace: Prepare, tmp_path: Path) -> None:
    rows = [{"caption": "one", "video": _clip(tmp_path / "a.mp4", 3)}]
    assert workplace(rows, resolution_buckets="64x64x1", skip_audio=True).exit_code == EXIT_OK
    content = _load(tmp_path, "latents", "a")
    assert (content["num_frames"], content["fps"]) == (1, 25.0)


def test_colliding_names_are_found_before_any_work(workplace: Prepare, tmp_path: Path) -> None:
    rows = [{"caption": "one", "video": "a.mp4"}, {"caption": "two", "video": "a.mov"}]
    with pytest.raises(DataError, match="written by several rows"):
        workplace(rows)
    assert not (tmp_path / ".precomputed").exists()


def test_references_smaller_and_with_fewer_frames(workplace: Prepare, tmp_path: Path) -> None:
    row = {
        "caption": "one",
        "video": _clip(tmp_path / "a.mp4", 33, size=128),
        "reference_video": _clip(tmp_path / "r.mp4", 33, size=128),
    }
    options = {"reference_downscale_factor": 2, "reference_temporal_scale_factor": 2, "skip_audio": True}
    report = workplace([row], resolution_buckets="128x128x33", **options)
    assert report.exit_code == EXIT_OK
    target, reference = _load(tmp_path, "latents", "a"), _load(tmp_path, "reference_latents", "a")
    assert (target["num_frames"], target["height"], target["fps"]) == (5, 4, 25.0)
    assert (reference["num_frames"], reference["height"], reference["fps"]) == (3, 2, 12.5)
    with pytest.raises(UsageError, match="one frame in 3"):
        workplace([row], resolution_buckets="128x128x33", **(options | {"reference_temporal_scale_factor": 3}))


def test_a_reference_that_is_too_short_drops_only_the_reference(workplace: Prepare, tmp_path: Path) -> None:
    row = {
        "caption": "one",
        "video": _clip(tmp_path / "a.mp4", 25, seconds=1.0),
        "reference_video": _clip(tmp_path / "r.mp4", 9),
        "video_mask": _clip(tmp_path / "m.mp4", 9),
    }
    report = workplace([row])
    assert report.exit_code == EXIT_DATA
    assert [one.phase for one in report.dropped] == ["references", "video masks"]
    assert (tmp_path / ".precomputed" / "latents" / "a.pt").exists()


def test_sounds_without_video_take_the_longest_length_they_fill(workplace: Prepare, tmp_path: Path) -> None:
    rows = []
    for name, seconds in (("long", 1.7), ("short", 0.3)):
        write_wav(tmp_path / f"{name}.wav", render_wave(SCENES[0], seconds, 16000), 16000)
        rows.append({"caption": name, "audio": f"{name}.wav"})
    report = workplace(rows, resolution_buckets=None, audio_durations="0.5;1.0;4.0")
    assert [(one.name, one.reason) for one in report.dropped] == [
        ("short", "too short: 0.30 s, the shortest of --audio-durations is 0.5 s")
    ]
    assert _load(tmp_path, "audio_latents", "long")["duration"] == 1.0
    whole = workplace(rows, resolution_buckets=None, overwrite=True)
    assert whole.exit_code == EXIT_OK
    assert _load(tmp_path, "audio_latents", "long")["num_time_steps"] == round(1.7 * 25)


def test_batches_and_tiles_do_not_change_the_result(workplace: Prepare, tmp_path: Path) -> None:
    rows = [{"caption": name, "video": _clip(tmp_path / f"{name}.mp4", 9)} for name in "ab"]
    options = {"resolution_buckets": "64x64x9", "skip_audio": True}
    workplace(rows, **options)
    one = _load(tmp_path, "latents", "b")["latents"].float()
    workplace(rows, overwrite=True, batch_size=2, vae_tiling=True, **options)
    two = _load(tmp_path, "latents", "b")["latents"].float()
    assert torch.allclose(one, two, atol=0.02)


def test_a_clip_that_ends_before_its_container_says_takes_a_shorter_bucket(workplace: Prepare, tmp_path: Path) -> None:
    whole = tmp_path / "whole.mp4"
    write_mp4(whole, np.random.default_rng(0).integers(0, 255, (25, 64, 64, 3), np.uint8), 25)
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size * 7 // 10])
    report = workplace([{"caption": "one", "video": "cut.mp4"}], resolution_buckets="64x64x9;64x64x25", skip_audio=True)
    assert report.exit_code == EXIT_OK
    assert report.buckets == {"64x64x9": 1}
    assert _load(tmp_path, "latents", "cut")["num_frames"] == 2


def test_decode_writes_pictures_to_look_at(workplace: Prepare, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (200, 30, 30)).save(tmp_path / "still.png")
    rows = [{"caption": "a", "video": _clip(tmp_path / "a.mp4", 9)}, {"caption": "b", "video": "still.png"}]
    workplace(rows, resolution_buckets="64x64x9;64x64x1", skip_audio=True, decode=True)
    decoded = tmp_path / ".precomputed" / "decoded_videos"
    assert sorted(path.name for path in decoded.iterdir()) == ["a.mp4", "still.png"]
    assert read_clip(decoded / "a.mp4", Bucket(9, 64, 64)).fps == 25


def test_long_captions_and_equal_ones(workplace: Prepare, tmp_path: Path) -> None:
    rows = [
        {"caption": "x" * 2000, "video": _clip(tmp_path / "a.mp4", 9)},
        {"caption": "x" * 2000, "video": _clip(tmp_path / "b.mp4", 9)},
    ]
    report = workplace(rows, resolution_buckets="64x64x9", skip_audio=True)
    assert [one.name for one in report.notes] == ["a", "b"]
    assert "cut to 1024 tokens" in report.notes[0].reason
    first, second = (_load(tmp_path, "conditions", name) for name in "ab")
    assert torch.equal(first["video_prompt_embeds"], second["video_prompt_embeds"])


def test_a_streamed_text_encoder_gives_the_same_captions(workplace: Prepare, tmp_path: Path) -> None:
    rows = [
        {"caption": "a red square", "audio": _wave(tmp_path / "a.wav")},
        {"caption": "rain on a tin roof", "audio": _wave(tmp_path / "b.wav")},
    ]
    workplace(rows, resolution_buckets=None, audio_durations="0.5")
    whole = [_load(tmp_path, "conditions", name) for name in "ab"]
    workplace(rows, resolution_buckets=None, audio_durations="0.5", stream_text_encoder=True, overwrite=True)
    streamed = [_load(tmp_path, "conditions", name) for name in "ab"]
    for one, other in zip(whole, streamed, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("rows", "options", "error", "message"),
    [
        ([{"caption": "a", "video": "a.mp4"}], {"resolution_buckets": None}, UsageError, "needs --resolution-buckets"),
        ([{"caption": "a", "video": "a.mp4"}], {"resolution_buckets": "64x60x9"}, UsageError, "does not fit"),
        ([{"caption": "a", "video": "a.mp4"}], {}, DataError, "none of the 1 clips"),
        ([{"caption": "a", "audio": "a.wav", "video_mask": "m.png"}], {}, UsageError, "needs a video column"),
        ([{"caption": "a", "video": "a.mp4"}], {"device": "toaster"}, UsageError, "no such kind of device"),
    ],
)
def test_what_prevents_any_work_is_said_first(
    workplace: Prepare, rows: list[dict[str, Any]], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        workplace(rows, **options)


def test_a_text_encoder_of_another_size_is_refused_before_any_work(
    workplace: Prepare, world: TinyWorld, tmp_path: Path
) -> None:
    gemma = tmp_path / "gemma"
    shutil.copytree(world.gemma, gemma)
    config = json.loads((gemma / "config.json").read_text())
    config["text_config"]["num_hidden_layers"] = 5
    (gemma / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="text features"):
        workplace([{"caption": "a", "video": _clip(tmp_path / "a.mp4", 25)}], text_encoder_path=str(gemma))
    assert not (tmp_path / ".precomputed").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there(workplace: Prepare) -> None:
    with pytest.raises(EnvironmentFault, match="no such GPU"):
        workplace([{"caption": "a", "video": "a.mp4"}], device="cuda")


def test_the_process_prints_json_and_ends_with_the_exit_code(
    world: TinyWorld, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = module.main(["--options-json", json.dumps(world.options()), "--json"])
    captured = capsys.readouterr()
    assert code == EXIT_OK
    assert json.loads(captured.out)["kept"]["latents"] == 3
    assert "samples: 3" in captured.err
    assert module.main(["--options-json", "{"]) == 2
    assert module.main(["--options-json", '{"dataset_path": 3}']) == 2
    assert "dataset_path" in capsys.readouterr().err
