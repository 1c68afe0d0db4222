"""The stored reference values, and the runner that checks folders of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.goldens import tiny_io
from tests.goldens.__main__ import main
from tests.goldens.comparison import compare, wanted
from tests.trainer.model.conftest import GOLDEN, VERSIONS, golden_io
from trainer.files.headers import read_header

CASES = [(version, case) for version in VERSIONS for case in golden_io(version).cases()]


@pytest.mark.parametrize(("version", "case"), CASES)
def test_every_network_agrees_with_the_original(version: str, case: str) -> None:
    path = GOLDEN / f"ltx{version}_tiny_io.safetensors"
    found = [item for item in tiny_io.run(path, f"{path.stem}/{case}") if item.case == case]
    stored = [name for name in golden_io(version).outputs if name.startswith(f"out.{case}.")]
    assert len(found) == len(stored) > 0
    assert [item for item in found if not item.ok] == []


def test_no_stored_output_is_left_out(version: str) -> None:
    covered = {name for case in golden_io(version).cases() for name in (f"out.{case}.",)}
    assert [name for name in golden_io(version).outputs if not name.startswith(tuple(covered))] == []


def copied(directory: Path, version: str = "2.0") -> Path:
    for kind in ("io", "checkpoint"):
        shutil.copy(GOLDEN / f"ltx{version}_tiny_{kind}.safetensors", directory / f"other_{kind}.safetensors")
    return directory / "other_io.safetensors"


def test_the_runner_checks_a_folder_made_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copied(tmp_path)
    assert main([str(tmp_path), "--only", "other_io/audio_vae", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert {row["tensor"] for row in report["comparisons"]} == {"latent", "mel"}
    assert {row["file"] for row in report["comparisons"]} == {"other_io.safetensors"}


def test_the_runner_fails_on_another_value_a_nan_and_a_tensor_it_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copied(tmp_path)
    tensors = load_file(path)
    tensors["out.audio_vae.latent"][0, 0, 0, 0] += 1e-3
    tensors["out.audio_vae.mel"][0, 0, 0, 0] = float("nan")
    tensors["out.unheard.of"] = torch.zeros(1)
    save_file(tensors, path)
    assert main([str(tmp_path), "--only", "*audio_vae*", "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)["comparisons"]
    assert [row["ok"] for row in rows] == [False, False]
    assert rows[0]["max_abs"] == pytest.approx(1e-3, rel=1e-3) or rows[1]["max_abs"] == pytest.approx(1e-3, rel=1e-3)
    assert main([str(tmp_path), "--only", "out.unheard.of"]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_the_runner_fails_when_nothing_was_selected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copied(tmp_path)
    assert main([str(tmp_path), "--only", "no such case"]) == 1
    assert "selected" in capsys.readouterr().err
    assert main([str(tmp_path / "nowhere")]) == 2


def test_a_damaged_checkpoint_is_reported_not_raised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copied(tmp_path)
    checkpoint = tmp_path / "other_checkpoint.safetensors"
    tensors = load_file(checkpoint)
    del tensors["audio_vae.decoder.conv_out.conv.weight"]
    save_file(tensors, checkpoint, metadata=dict(read_header(checkpoint).metadata))
    assert main([str(tmp_path), "--only", "other_io/audio_vae"]) == 1
    assert "other_checkpoint" in capsys.readouterr().err


def test_differences_are_measured_as_said() -> None:
    ours, theirs = torch.tensor([1.0, 2.0, float("inf")]), torch.tensor([1.0, 2.5, float("inf")])
    found = compare("case", "x", ours, theirs, 0.3, "rel")
    assert found.max_abs == 0.5
    assert found.max_rel == pytest.approx(0.2)
    assert found.ok
    assert not compare("case", "x", ours, theirs, 0.3).ok
    assert not compare("case", "x", ours[:2], theirs, 10.0).ok
    assert not compare("case", "x", torch.tensor([float("nan")]), torch.tensor([0.0]), 10.0).ok


def test_globs_match_cases_and_tensors() -> None:
    path = Path("ltx2.0_tiny_io.safetensors")
    assert wanted("ltx2.0_tiny_io/text", path, "text", "out.text.video")
    assert wanted("ltx2.0_*/*", path, "text")
    assert wanted("out.text.*", path, "text", "out.text.video")
    assert not wanted("ltx2.3*", path, "text", "out.text.video")
