"""What cannot be trained is refused whole, before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from schemas import validate
from schemas.errors import CheckpointError, ConfigError, DataError
from tests.trainer.loop.test_conditions import CLIP, write_masks, write_references
from tests.trainer.loop.world import config_data, train, write_clips
from trainer.preflight import check
from trainer.preflight.check import check_data
from trainer.rundir import RunDirectory

CONDITIONS: list[dict[str, Any]] = [
    {"type": "reference", "latents_dir": "references"},
    {"type": "mask", "mask_dir": "masks"},
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = write_clips(tmp_path / "data", [CLIP] * 6)
    write_references(root, "references", 2, 1, 2, 12.5)
    write_masks(root, "masks", 3, 2, 4)
    return root


def wrong(data: Path, **more: Any) -> dict[str, Any]:
    """References and masks that do not fit, partners that are missing, and a condition on sound in a run without."""
    for number in (0, 2):
        (data / f"references/clip_{number}.pt").write_bytes((data / "latents/clip_0.pt").read_bytes())
        table = torch.load(data / f"references/clip_{number}.pt", weights_only=True)
        table |= {"latents": table["latents"][:, :, :, :3].clone(), "width": 3}
        torch.save(table, data / f"references/clip_{number}.pt")
    for number in (1, 3):
        torch.save({"mask": torch.zeros(4, 2, 4)}, data / f"masks/clip_{number}.pt")
    (data / "masks/clip_4.pt").unlink()
    (data / "conditions/clip_5.pt").unlink()
    sample = {"prompt": "x", "conditions": [{"type": "prefix", "audio": "sound.wav", "duration": 0.1}]}
    validation = {"interval": 1, "samples": [sample], "generate_audio": False, "video_dims": [64, 64, 17]}
    return {
        "training_strategy__video__conditions": CONDITIONS,
        "training_strategy__audio": None,
        "validation": {**validation, "stg_blocks": [1]},
        **more,
    }


OFFENDERS = {
    "data-incomplete": ("clip_4 (no file in masks/)", "clip_5 (no file in conditions/)"),
    "reference-shape": ("(2 samples: clip_0, clip_2)",),
    "mask-shape": ("masks are [4, 2, 4], their latents [3, 2, 4] (2 samples: clip_1, clip_3)",),
    "validation-modality": ("prefix is about audio, which this run does not load",),
}


def test_one_table_of_all_offenders_and_nothing_is_written(data: Path, tmp_path: Path) -> None:
    """Fault of the original: a missing partner went unnoticed, the rest fell over one by one while training."""
    settings = wrong(data)
    with pytest.raises(DataError) as raised:
        train(data, tmp_path / "run", **settings)
    said = str(raised.value)
    for code, words in OFFENDERS.items():
        assert f"[{code}]" in said
        assert all(one in said for one in words)
    assert raised.value.exit_code == 3
    assert not (tmp_path / "run").exists()


def test_check_gives_the_same_table(data: Path, tmp_path: Path) -> None:
    report = check_data(validate(config_data(data, tmp_path / "run", **wrong(data))))
    found = {problem.code: problem.message for problem in report.problems if problem.severity == "error"}
    for code, words in OFFENDERS.items():
        assert all(one in found[code] for one in words)
    assert report.exit_code == 3


def test_a_missing_directory_does_not_hide_the_rest(data: Path, tmp_path: Path) -> None:
    settings = wrong(data)
    for path in (data / "references").iterdir():
        path.unlink()
    (data / "references").rmdir()
    with pytest.raises(DataError, match=r"(?s)data-directory-missing.*data-incomplete.*mask-shape"):
        train(data, tmp_path / "run", **settings)


def test_every_mask_is_looked_at(data: Path, tmp_path: Path) -> None:
    """However many there are: one that gives everything is found behind the two hundredth."""
    for number in range(6, 210):
        for name in ("latents", "conditions", "audio_latents"):
            (data / f"{name}/clip_{number}.pt").hardlink_to(data / f"{name}/clip_0.pt")
        (data / f"masks/clip_{number}.pt").hardlink_to(data / "masks/clip_0.pt")
    last = sorted(path.name for path in (data / "masks").iterdir())[-1]
    (data / "masks" / last).unlink()
    torch.save({"mask": torch.ones(3, 2, 4)}, data / "masks" / last)
    settings = {"training_strategy__video__conditions": CONDITIONS[1:]}
    with pytest.raises(DataError, match=f"in 1 of 210 samples; .*: {last[:-3]} "):
        train(data, tmp_path / "run", **settings)
    report = check(validate(config_data(data, tmp_path / "run", **settings)))
    assert "condition-covers-clip" in [problem.code for problem in report.problems]


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"hub": {"push_to_hub": True, "hub_model_id": "a/b"}}, ConfigError),
        ({"model__load_checkpoint": "/nowhere"}, CheckpointError),
        ({"validation": {"interval": 1, "samples": [{"prompt": "x"}], "stg_blocks": [99]}}, ConfigError),
        ({"validation": {"interval": 1, "samples": [{"prompt": "x"}], "stg_blocks": [1]}}, ConfigError),
        ({"training_strategy__caption_dropout": 0.1}, ConfigError),
    ],
    ids=["hub", "start", "stg-block", "prompts-without-text-encoder", "dropout-without-text-encoder"],
)
def test_starting_anew_sets_nothing_aside_before_all_that_is_known_has_passed(
    data: Path, tmp_path: Path, settings: dict[str, Any], kind: type[Exception]
) -> None:
    output = tmp_path / "run"
    assert train(data, output, optimization__steps=1) == 0
    before = sorted(path for path in output.rglob("*") if path.name != "run.lock")
    with pytest.raises(kind):
        train(data, output, resume="never", **settings)
    assert sorted(path for path in output.rglob("*") if path.name != "run.lock") == before
    assert not list(RunDirectory(output).path.glob("*old*"))
