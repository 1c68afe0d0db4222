"""Prepared data: presence, partners, shapes, batches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support import prepared
from tests.trainer.preflight.world import AUDIO, TEXT, VIDEO, World, audio, codes, only, strategy, text, video
from trainer.preflight import facts

MASKED = strategy([{"type": "mask", "mask_dir": "masks"}])
REFERENCED = strategy([{"type": "reference", "latents_dir": "refs"}])


def test_root(world: World) -> None:
    found = only(world.check(f"data.preprocessed_data_root={world.root}/none"), "data-root-missing")
    assert found.path == "data.preprocessed_data_root"


def test_precomputed_inside_the_root(world: World) -> None:
    outer = world.root / "clips"
    outer.mkdir()
    world.prepared.rename(outer / ".precomputed")
    world.prepared = outer
    assert codes(world.check()) == []


def test_every_missing_directory_names_its_setting(world: World) -> None:
    report = world.check(training_strategy=strategy(MASKED["video"]["conditions"] + REFERENCED["video"]["conditions"]))
    assert [problem.path for problem in report.problems if problem.code == "data-directory-missing"] == [
        "training_strategy.video.conditions[0].mask_dir",
        "training_strategy.video.conditions[1].latents_dir",
    ]
    assert set(codes(report)) == {"data-directory-missing"}


def test_no_samples(world: World) -> None:
    for path in (world.prepared / TEXT).iterdir():
        path.unlink()
    report = world.check()
    assert codes(report, "error") == ["data-empty"]
    assert report.exit_code == 3
    for name in (VIDEO, AUDIO):
        for path in (world.prepared / name).iterdir():
            path.unlink()
    assert "no prepared samples" in only(world.check(), "data-empty").message


def test_large_datasets_are_sampled_evenly(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "MOST_SAMPLES", 2)
    report = world.check()
    assert codes(report) == []
    assert any(problem.message == "2 of 3 samples were opened" for problem in report.problems)


def test_partners(world: World) -> None:
    (world.prepared / AUDIO / "b.pt").unlink()
    found = only(world.check(), "data-incomplete")
    assert (found.severity, found.exit_code) == ("error", 3)
    assert "1 of 3 samples" in found.message
    assert "b (no file in audio_latents/)" in found.message


def test_damaged_file(world: World) -> None:
    (world.prepared / VIDEO / "c.pt").write_bytes(b"")
    found = only(world.check(), "data-unreadable")
    assert (found.path, found.exit_code) == ("training_strategy.video.latents_dir", 3)
    assert "c (is empty (0 bytes))" in found.message


class Attack:
    """An order to make a directory."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.target),)


def test_a_hostile_sample_runs_nothing(world: World) -> None:
    prepared.save(world.prepared / VIDEO / "a.pt", {"latents": Attack(world.root / "touched")})
    assert "refused" in only(world.check(), "data-unreadable").message
    assert not (world.root / "touched").exists()


@pytest.mark.parametrize(
    ("directory", "value", "path", "expected"),
    [
        (VIDEO, video(channels=128), "video", "128 channels, the checkpoint takes 16"),
        (VIDEO, audio(), "video", "audio latents where video latents belong"),
        (AUDIO, prepared.audio(51), "audio", "8 x 16 numbers a step, the checkpoint takes 16"),
        (AUDIO, text(), "audio", "caption features where audio latents belong"),
    ],
)
def test_latent_shapes(world: World, directory: str, value: Any, path: str, expected: str) -> None:
    world.write(directory, value)
    found = only(world.check(), "data-shape")
    assert found.path == f"training_strategy.{path}.latents_dir"
    assert expected in found.message
    assert "(3 samples: a, b, c)" in found.message


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (text(48, 32), "features for video are 48 wide, the checkpoint takes 64"),
        (text(64, 64), "features for audio are 64 wide, the checkpoint takes 32"),
        (text(64, None), "no audio part"),
        (text(tokens=100), "100 positions, the checkpoint takes multiples of 128"),
    ],
)
def test_caption_features(world: World, value: Any, expected: str) -> None:
    world.write(TEXT, value)
    assert expected in only(world.check(), "data-shape").message


def test_features_without_audio_do_for_a_video_only_run(world: World) -> None:
    world.write(TEXT, text(64, None))
    report = world.check("validation.generate_audio=false", training_strategy=strategy(with_audio=False))
    assert codes(report) == []


def test_masks_fit_their_latents(world: World) -> None:
    world.write("masks", prepared.video_mask(7, 4, 4))
    assert codes(world.check(training_strategy=MASKED)) == []
    world.write("masks", prepared.video_mask(6, 4, 4), ["b"])
    found = only(world.check(training_strategy=MASKED), "mask-shape")
    assert "masks are [6, 4, 4], their latents [7, 4, 4] (1 samples: b)" in found.message
    world.write("masks", prepared.audio_mask(51))
    assert "data-shape" in codes(world.check(training_strategy=MASKED))


@pytest.mark.parametrize(
    ("reference", "fits"),
    [
        ((7, 4, 4), True),
        ((7, 2, 2), True),
        ((4, 4, 4), True),
        ((3, 1, 1), True),
        ((7, 3, 3), False),
        ((7, 4, 2), False),
        ((5, 4, 4), False),
        ((7, 8, 8), False),
        ((1, 4, 4), False),
    ],
)
def test_references_are_whole_factors_smaller(world: World, reference: tuple[int, int, int], fits: bool) -> None:
    world.write("refs", video(*reference))
    report = world.check(training_strategy=REFERENCED)
    assert codes(report) == ([] if fits else ["reference-shape"])


def test_references_by_the_targets_clock_may_be_shorter(world: World) -> None:
    world.write("refs", video(5, 2, 2))
    timed = strategy([{"type": "reference", "latents_dir": "refs", "timing": "target"}])
    assert codes(world.check(training_strategy=timed)) == []


def test_a_directory_in_two_roles(world: World) -> None:
    assert codes(world.check(training_strategy=strategy([{"type": "reference", "latents_dir": VIDEO}]))) == []


def test_batches(world: World) -> None:
    assert codes(world.check("optimization.batch_size=3")) == []
    found = only(world.check("optimization.batch_size=4"), "data-too-few")
    assert "at most 3 of one shape" in found.message
    world.write(VIDEO, video(7, 2, 2), ["c"])
    found = only(world.check("optimization.batch_size=2"), "data-never-used")
    assert "1 samples never fill a batch of 2" in found.message
    assert codes(world.check("optimization.batch_size=1")) == []
    world.write(VIDEO, video(7, 3, 3), ["b"])
    only(world.check("optimization.batch_size=2"), "data-too-few")


def test_mixed_frame_rates_share_a_batch(world: World) -> None:
    world.write(VIDEO, video(fps=25.0), ["c"])
    world.write(AUDIO, audio(), ["c"])
    assert codes(world.check("optimization.batch_size=3"), "error") == []


def test_sound_of_another_length(world: World) -> None:
    world.write(AUDIO, audio(100), ["a"])
    found = only(world.check(), "data-length")
    assert "a (2.04 s of video, 4.00 s of sound)" in found.message
