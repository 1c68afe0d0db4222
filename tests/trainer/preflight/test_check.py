"""The whole preflight: reports, exit codes, files that cannot be read, real sizes and its time."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import presets
from schemas import render_yaml
from tests.support import prepared
from tests.support.sparse import write_real
from tests.trainer.files.test_gemma import write_gemma
from tests.trainer.preflight.world import World, codes
from trainer.preflight import check_file


def write(world: World, *changes: str, **sections: Any) -> Path:
    path = world.root / "config.yaml"
    path.write_text(render_yaml(world.data(*changes, **sections)), "utf-8")
    return path


def test_errors_first_and_the_lowest_code_wins(world: World) -> None:
    (world.prepared / "latents" / "a.pt").write_bytes(b"")
    (world.root / "out").write_text("x", "utf-8")
    report = check_file(write(world, "lora.target_modules=[nothing]", "checkpoints.interval=null"))
    severities = [problem.severity for problem in report.problems]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    assert {problem.exit_code for problem in report.problems if problem.severity == "error"} == {2, 3, 4}
    assert report.exit_code == 2
    assert not report.ok


def test_invalid_configuration_with_lines(world: World) -> None:
    path = write(world)
    text = path.read_text("utf-8").replace("rank: 4", "rank: one")
    path.write_text(text, "utf-8")
    report = check_file(path)
    assert report.exit_code == 2
    (found,) = report.problems
    assert (found.code, found.path) == ("config-invalid", "lora.rank")
    line = text[: text.index("rank: one")].count("\n") + 1
    assert found.message.startswith(f"line {line}: ")


@pytest.mark.parametrize("text", ["a: [1,", "\tx: 1", "a: 1\na: 2", ""])
def test_unreadable_configuration(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text, "utf-8")
    report = check_file(path)
    assert report.exit_code == 2
    assert report.problems
    assert all(problem.severity == "error" for problem in report.problems)


def test_a_file_system_that_refuses_is_a_problem(world: World) -> None:
    report = check_file(write(world, f"model.load_checkpoint={'x' * 300}.safetensors"))
    (found,) = [problem for problem in report.problems if problem.severity == "error"]
    assert (found.code, found.exit_code) == ("cannot-be-read", 4)
    assert "name too long" in found.message


def test_missing_configuration(tmp_path: Path) -> None:
    report = check_file(tmp_path / "none.yaml")
    assert codes(report) == ["config-unreadable"]


def test_older_spellings_are_noted(world: World) -> None:
    data = world.data()
    for name in ("video_cfg_scale", "audio_cfg_scale"):
        del data["validation"][name]
    data["validation"]["guidance_scale"] = 4.0
    path = world.root / "config.yaml"
    path.write_text(json.dumps(data), "utf-8")
    report = check_file(path)
    assert report.ok
    assert "config-note" in codes(report, "info")


def real_config(tmp_path: Path, models: dict[str, Path]) -> Path:
    data = presets.load("t2v_lora")
    data["model"].update({name: str(path) for name, path in models.items()})
    data["data"]["preprocessed_data_root"] = str(tmp_path / "data")
    data["output_dir"] = str(tmp_path / "out")
    path = tmp_path / "config.yaml"
    path.write_text(render_yaml(data), "utf-8")
    return path


def real_models(tmp_path: Path, family: str) -> dict[str, Path]:
    if family == "2.5":
        return {
            "model_path": write_real(tmp_path, "ltx-2.5-22b-transformer"),
            "text_encoder_path": write_real(tmp_path, "ltx-2.5-22b-text-encoder"),
            "video_vae_path": write_real(tmp_path, "ltx-2.5-22b-video-vae"),
            "audio_vae_path": write_real(tmp_path, "ltx-2.5-22b-audio-vae"),
        }
    name = {"2.0": "ltx-2-19b", "2.3": "ltx-2.3-22b"}[family]
    return {"model_path": write_real(tmp_path, name), "text_encoder_path": write_gemma(tmp_path / "gemma")}


def real_data(tmp_path: Path, family: str, names: list[str]) -> None:
    widths = (3840, 3840) if family == "2.0" else (4096, 2048)
    prepared.dataset(
        tmp_path / "data",
        {
            "latents": prepared.video(7, 4, 4),
            "audio_latents": prepared.audio(51),
            "conditions": prepared.text(*widths, tokens=128),
        },
        names,
    )


@pytest.mark.parametrize("family", ["2.0", "2.3", "2.5"])
def test_real_sizes(tmp_path: Path, family: str) -> None:
    """19B and 22B checkpoints, rebuilt at full size: nothing is wrong, and it takes moments."""
    real_data(tmp_path, family, ["a", "b"])
    path = real_config(tmp_path, real_models(tmp_path, family))
    report = check_file(path)
    assert [problem for problem in report.problems if problem.severity != "info"] == []
    targets = next(problem for problem in report.problems if problem.code == "targets")
    assert "213,909,504 trainable parameters at rank 32" in targets.message


def test_2_5_without_its_parts(tmp_path: Path) -> None:
    real_data(tmp_path, "2.5", ["a"])
    models = real_models(tmp_path, "2.5")
    path = real_config(tmp_path, {"model_path": models["model_path"], "text_encoder_path": write_gemma(tmp_path / "g")})
    found = {problem.code for problem in check_file(path).problems if problem.severity == "error"}
    assert found == {"model-parts", "text-encoder-mismatch"}
    del models["video_vae_path"]
    report = check_file(real_config(tmp_path, models))
    missing = [problem for problem in report.problems if problem.severity == "error"]
    assert [(problem.code, problem.path) for problem in missing] == [
        ("validation-part-missing", "model.video_vae_path")
    ]


def test_features_of_another_release(tmp_path: Path) -> None:
    """Data prepared with 2.0, trained on 2.3."""
    real_data(tmp_path, "2.0", ["a"])
    report = check_file(real_config(tmp_path, real_models(tmp_path, "2.3")))
    assert codes(report, "error") == ["data-shape", "data-shape"]
    assert "3840 wide, the checkpoint takes 4096" in report.problems[0].message


def test_the_whole_command_takes_two_seconds(tmp_path: Path) -> None:
    """The promised bar: 100 samples, whole process. Processor time, because other work may share the machine."""
    real_data(tmp_path, "2.3", [f"clip_{number:03d}" for number in range(100)])
    path = real_config(tmp_path, real_models(tmp_path, "2.3"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "tui", "check", str(path), "--json"], capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert json.loads(done.stdout)["ok"] is True
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
