"""``estimate`` as a person and as a program see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import presets
from presets.memory import GIB
from schemas import render_yaml
from tests.support.driver import write_driver
from tui.commands.estimate import command


@pytest.fixture
def config(tmp_path: Path) -> str:
    """The preset for 80 GB, with no file of it on this machine."""
    data = presets.load("t2v_lora")
    data["model"]["model_path"] = str(tmp_path / "model.safetensors")
    data["data"]["preprocessed_data_root"] = str(tmp_path / "data")
    path = tmp_path / "config.yaml"
    path.write_text(render_yaml(data), "utf-8")
    return str(path)


def test_json(config: str) -> None:
    done = CliRunner().invoke(command, [config, "--vram", "80", "--json"])
    assert done.exit_code == 0
    answer = json.loads(done.output)
    assert answer["fits"] is True
    assert answer["vram"]["peak_bytes"] <= 80 * GIB
    worst = max(sum(phase.values()) for phase in answer["vram"]["phases"].values())
    assert answer["vram"]["allocated_bytes"] == worst
    assert any("LTX-2.3" in sentence for sentence in answer["assumed"])
    assert answer["host"]["peak_bytes"] > 0
    assert answer["disk"]["bytes"] > 0
    assert answer["changes"] == []


def test_what_does_not_fit_comes_with_advice(config: str) -> None:
    answer = json.loads(CliRunner().invoke(command, [config, "--vram", "24", "--json"]).output)
    assert answer["fits"] is False
    assert {"path", "value", "cost", "peak_bytes"} == set(answer["changes"][0])
    done = CliRunner().invoke(command, [config, "--vram", "24"])
    assert done.exit_code == 0
    assert "does not fit a card of 24.0 GB" in done.output
    assert f"{answer['changes'][0]['path']}: " in done.output
    assert "ways to fit 24.0 GB with a tenth to spare, best quality first:" in done.output
    assert answer["changes"] == answer["proposals"][0]["changes"]
    assert answer["proposals"][0]["fits"] is True
    assert answer["proposals"][0]["peak_bytes"] <= 0.9 * 24 * GIB
    assert max(map(len, done.output.splitlines())) <= 80


def test_a_wish_ranks_ways_that_fit_too(config: str) -> None:
    found = [
        json.loads(CliRunner().invoke(command, [config, "--vram", "48", "--wish", wish, "--json"]).output)
        for wish in ("fastest", "best quality")
    ]
    quick, good = (answer["proposals"][0] for answer in found)
    assert quick["slowdown"] <= good["slowdown"]
    assert good["quality"] == "frozen weights as published"
    assert all(proposal["fits"] for answer in found for proposal in answer["proposals"])
    assert CliRunner().invoke(command, [config, "--wish", "cheapest"]).exit_code == 2


def test_what_the_trainer_chooses_by_itself_is_told(config: str) -> None:
    path = Path(config)
    path.write_text(path.read_text("utf-8").replace("acceleration:", "acceleration:\n  blocks_to_swap: auto"), "utf-8")
    answer = json.loads(CliRunner().invoke(command, [config, "--vram", "32", "--json"]).output)
    assert answer["fits"] is True
    assert "blocks are swapped" in " ".join(answer["chosen"])
    assert "no card is known" in CliRunner().invoke(command, [config]).output


def test_text(config: str) -> None:
    done = CliRunner().invoke(command, [config, "--vram", "80"])
    lines = done.output.splitlines()
    assert lines[0].startswith("LTX-2.3, LoRA rank 32, ")
    bars = [line for line in lines if "█" in line]
    assert [line.split("  ")[0] for line in bars] == [
        "text encoding",
        "latent encoding (prepare)",
        "load",
        "training step",
        "validation",
        "save",
    ]
    assert sum("<- most" in line for line in bars) == 1
    assert max(map(len, bars)) <= 80
    assert "fits a card of 80.0 GB" in done.output
    assert "assumed: the checkpoint" in done.output
    assert "rests on formulas alone" in done.output
    assert "weights 35.4" in done.output


def test_without_a_card_nothing_is_promised(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert json.loads(CliRunner().invoke(command, [config, "--json"]).output)["fits"] is None
    assert "no card is known here" in CliRunner().invoke(command, [config]).output


def test_the_card_of_this_machine_counts(config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_driver(tmp_path, (81920, "8.0", "NVIDIA A100"), (24576, "8.9", "NVIDIA L4"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    answer = json.loads(CliRunner().invoke(command, [config, "--json"]).output)
    assert answer["vram"]["card_bytes"] == 24 * GIB
    assert answer["fits"] is False
