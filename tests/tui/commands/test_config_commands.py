"""init, presets, explain, schema and diff from the shell: what they print, and their exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import presets
from schemas import load_config, validate
from tests.schemas.samples import CURRENT, SEED_ERA
from tui.main import run


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def test_init_writes_a_complete_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.yaml"
    code, out, err = call(
        capsys, "init", "--preset", "i2v_lora", "--vram", "32", "--set", "optimization.steps=20",
        "--set", "validation.samples[0].prompt=a: b", "-o", str(path),
    )  # fmt: skip
    assert (code, out) == (0, "")
    assert str(path) in err
    config = load_config(path).config
    assert (config.optimization.steps, config.lora and config.lora.rank) == (20, 16)
    assert config.validation.samples[0].prompt == "a: b"
    code, _, err = call(capsys, "init", "--preset", "i2v_lora", "-o", str(path))
    assert code == 2
    assert "exists" in err
    assert call(capsys, "init", "--preset", "t2a_lora", "-o", str(path), "--force")[0] == 0
    assert load_config(path).config.training_strategy.video is None


def test_init_prints(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = call(capsys, "init", "--preset", "t2v_lora")
    assert (code, err) == (0, "")
    (tmp_path / "c.yaml").write_text(out)
    assert load_config(tmp_path / "c.yaml").config == validate(presets.load("t2v_lora"))


LEGACY = """\
# Mine.
model: {model_path: m.safetensors}
lora:
  rank: 8  # small
  alpha: 8
training_strategy:
  name: video_to_video  # pose to video
  first_frame_conditioning_p: 0.25
  reference_latents_dir: poses  # from the pose tool
data: {preprocessed_data_root: data}
validation:
  interval: null  # none
"""


def test_init_rewrites_an_old_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(LEGACY)
    code, out, err = call(capsys, "init", "--from", str(old), "-o", str(new))
    assert (code, out) == (0, "")
    assert "video_to_video is retired" in err
    text = new.read_text()
    assert all(comment in text for comment in ("# Mine.", "# pose to video", "from the pose tool", "# none"))
    loaded = load_config(new)
    assert loaded.notes == ()
    assert loaded.config == load_config(old).config
    video = loaded.config.training_strategy.video
    assert video is not None
    assert [condition.model_dump() for condition in video.conditions] == [
        {"type": "reference", "latents_dir": "poses", "probability": 1.0, "timing": "target"},
        {"type": "first_frame", "probability": 0.25, "skip_stills": True},
    ]
    code, out, _ = call(capsys, "init", "--from", str(new), "--set", "lora.rank=4")
    assert code == 0
    assert out == text.replace("rank: 8", "rank: 4")


def test_init_starts_from_one_thing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    old.write_text(LEGACY)
    assert call(capsys, "init", "--from", str(old), "--preset", "t2v_lora")[0] == 2
    assert call(capsys, "init", "--from", str(tmp_path / "none.yaml"))[0] == 2
    old.write_text(LEGACY.replace("rank: 8", "rank: 0"))
    code, _, err = call(capsys, "init", "--from", str(old))
    assert code == 2
    assert "lora.rank" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "t2v"], "did you mean t2v_lora?"),
        (["--preset", "t2v_lora", "--set", "steps=1"], "did you mean optimization.steps?"),
        (["--preset", "t2v_lora", "--set", "optimization.steps=0"], "optimization.steps: must be at least 1"),
        (["--preset", "t2v_lora", "--vram", "8"], "no tier for 8 GB"),
        ([], "--preset"),
    ],
)
def test_init_refuses(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    code, out, err = call(capsys, "init", *arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_presets(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "presets")
    assert code == 0
    assert len(out.splitlines()) == 17
    found = json.loads(call(capsys, "presets", "--json")[1])
    assert [preset["name"] for preset in found] == list(presets.names())
    needs = found[0]["vram"]
    assert list(needs) == [str(tier) for tier in presets.tiers()]
    assert all(need["peak_bytes"] < int(tier) * 2**30 for tier, need in needs.items())
    assert found[0]["tiers"] == list(presets.tiers())
    assert found[0]["task"]


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "explain", "lora.rank")
    assert code == 0
    assert "at least 2" in out
    assert json.loads(call(capsys, "explain", "validation.samples[0].prompt", "--json")[1])["kind"] == "text"
    assert "optimization.learning_rate" in call(capsys, "explain", "--all")[1]
    assert len(json.loads(call(capsys, "explain", "--all", "--json")[1])) > 60
    assert call(capsys, "explain", "--all", "--markdown")[1].startswith("# Configuration")
    code, _, err = call(capsys, "explain", "lora.rnk")
    assert code == 2
    assert "did you mean lora.rank?" in err
    assert call(capsys, "explain")[0] == 2


def test_schema(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = call(capsys, "schema")
    assert code == 0
    assert json.loads(out)["title"] == "LtxTrainerConfig"
    path = tmp_path / "ltx2-wizard.schema.json"
    assert call(capsys, "schema", "-o", str(path))[:2] == (0, "")
    assert json.loads(path.read_text()) == json.loads(out)
    assert json.loads(call(capsys, "schema", "--prepare")[1])["title"] == "PrepareOptions"


def test_diff(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = call(capsys, "diff", str(SEED_ERA), str(CURRENT))
    assert code == 0
    assert "* optimization.learning_rate: 0.0001 -> 0.0002" in out
    assert "  output_dir: " in out
    found = json.loads(call(capsys, "diff", "preset:t2v_lora", "preset:t2v_lora_low_vram", "--json")[1])
    assert {"path": "lora.rank", "change": "changed", "left": 32, "right": 16, "training": True} in found
    assert call(capsys, "diff", str(CURRENT), str(CURRENT))[1] == "no difference\n"
    bad = tmp_path / "bad.yaml"
    bad.write_text("a:\n\tb: 1\n")
    code, _, err = call(capsys, "diff", str(CURRENT), str(bad))
    assert code == 2
    assert f"{bad}:2:1" in err


def test_no_secret_of_the_environment_is_written(tmp_path: Path) -> None:
    """Tokens stay in the environment: nothing these commands print or write holds one."""
    canary = "hf_CanaryCanaryCanary"
    environment = {"PATH": "/usr/bin:/bin", "HF_TOKEN": canary, "WANDB_API_KEY": canary, "HOME": str(tmp_path)}
    for arguments in (["init", "--preset", "t2v_lora", "-o", "c.yaml"], ["explain", "--all", "--json"], ["schema"]):
        done = subprocess.run(
            [sys.executable, "-m", "tui", *arguments], cwd=tmp_path, env=environment, capture_output=True, check=True
        )
        assert canary.encode() not in done.stdout + done.stderr
    assert canary not in (tmp_path / "c.yaml").read_text()
