"""``prepare`` on the command line: the options are checked here, the work is another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from schemas.errors import EXIT_USAGE, UsageError
from schemas.prepare import PrepareOptions
from tui.commands.prepare import checked, command, flag_of
from tui.main import run

ROOT = Path(__file__).resolve().parents[3]
UPSTREAM = [
    "--resolution-buckets",
    "--model-path",
    "--text-encoder-path",
    "--video-vae-path",
    "--audio-vae-path",
    "--caption-column",
    "--video-column",
    "--batch-size",
    "--device",
    "--vae-tiling",
    "--output-dir",
    "--lora-trigger",
    "--decode",
    "--remove-llm-prefixes",
    "--skip-audio",
    "--audio-durations",
    "--with-audio",
    "--load-text-encoder-in-8bit",
    "--reference-downscale-factor",
    "--reference-temporal-scale-factor",
    "--overwrite",
]
NEEDED = ["data.json", "--model-path", "m.safetensors", "--text-encoder-path", "gemma"]


def test_every_option_people_know_is_there() -> None:
    flags = {flag for parameter in command.params for flag in parameter.opts if isinstance(parameter, click.Option)}
    assert flags == {*UPSTREAM, "--image-fps", "--stream-text-encoder", "--json"}
    assert {flag_of(name) for name in PrepareOptions.model_fields} == (flags - {"--json"}) | {"--dataset-path"}


def test_the_other_process_gets_the_checked_options(tmp_path: Path) -> None:
    """``echo`` stands in for Python: the command really becomes the program it starts."""
    words = [
        *NEEDED,
        "--resolution-buckets",
        "64x32x9;32x32x1",
        "--audio-durations",
        "2;4.5",
        "--image-fps",
        "30",
        "--skip-audio",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tui", "prepare", *words, "--json"],
        cwd=ROOT,
        env=os.environ | {"LTX2_WIZARD_PYTHON": "echo"},
        capture_output=True,
        text=True,
        check=True,
    )
    program, flag, rest = done.stdout.split(" ", 2)
    options, _, last = rest.strip().rpartition(" ")
    data = json.loads(options)
    assert (program, flag, last) == ("trainer.prepare", "--options-json", "--json")
    assert PrepareOptions.model_validate(data).resolution_buckets == [(64, 32, 9), (32, 32, 1)]
    assert (data["device"], data["image_fps"], data["audio_durations"]) == ("auto", 30.0, [2.0, 4.5])
    assert (data["skip_audio"], data["overwrite"]) == (True, False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--resolution-buckets", "64x64"], "--resolution-buckets: '64x64' is not a bucket"),
        (["--audio-durations", "a;b"], "--audio-durations"),
        (["--audio-durations", "-2"], "--audio-durations"),
        (["--image-fps", "0"], "--image-fps"),
        (["--reference-downscale-factor", "2"], "--resolution-buckets: scaled references need exactly one bucket"),
        (["--batch-size", "0"], "--batch-size"),
    ],
)
def test_wrong_values_name_their_flag(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prepare", *NEEDED, *words]) == EXIT_USAGE
    assert message in capsys.readouterr().err


def test_options_left_out_take_their_defaults() -> None:
    data = checked({"dataset_path": "a.json", "model_path": "m", "text_encoder_path": "t", "lora_trigger": None})
    assert data["batch_size"] == 1
    assert data["lora_trigger"] is None
    with pytest.raises(UsageError, match="--model-path"):
        checked({"dataset_path": "a.json", "text_encoder_path": "t"})
