from __future__ import annotations

import copy
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import presets
from schemas import ConfigDocument, validate
from schemas.spec import model_specs
from tests.tui.forms.support import small
from tui.commands.init import command
from tui.forms import edits
from tui.forms.differences import differences, from_preset, init_arguments, shell_lines
from tui.forms.draft import Draft
from tui.forms.opening import open_draft

_words = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=30)
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "model.model_path": st.just("/a b/it's.safetensors"),
    "model.training_mode": st.sampled_from(["lora", "full"]),
    "lora.rank": st.integers(2, 999),
    "optimization.learning_rate": st.floats(1e-9, 1, exclude_min=True) | st.just(1),
    "optimization.scheduler_type": st.sampled_from(["constant", "linear"]),
    "acceleration.quantization": st.sampled_from([None, "int8-quanto"]),
    "acceleration.blocks_to_swap": st.sampled_from([0, 3, "auto"]),
    "validation.negative_prompt": _words | st.sampled_from(["null", "~", "", '"quoted"', "'", " x ", "a=b", "#", "- "]),
    "validation.interval": st.none() | st.integers(1, 9999),
    "validation.samples": st.lists(st.fixed_dictionaries({"prompt": _words.filter(str.strip)}), max_size=2),
    "validation.video_dims": st.just([512, 512, 49]),
    "training_strategy.video.conditions": st.just([{"type": "prefix", "temporal_boundary": 8, "probability": 0.5}]),
    "training_strategy.audio": st.none() | st.just({"is_generated": True, "latents_dir": "audio_latents"}),
    "output_dir": st.just("~/run: 1"),
}
TASKS = ("t2v_lora", "i2v_lora", "av2av_ic_lora")


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.sampled_from(TASKS), st.sampled_from([None, 32.0]), st.data())
def test_the_command_makes_the_same_configuration(preset: str, vram: float | None, data: st.DataObject) -> None:
    draft = Draft.new(presets.load(preset, vram=vram), preset=preset, vram=vram)
    for path in data.draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=5, unique=True)):
        edits.assign(draft, path, data.draw(CHANGES[path]))
        if draft.problems:
            draft.undo()
    arguments = init_arguments(draft)
    assert arguments is not None
    result = CliRunner().invoke(command, arguments[2:])
    assert result.exit_code == 0, (arguments, result.exception)
    written = ConfigDocument.from_text(result.stdout).data()
    assert validate(written).model_dump() == validate(copy.deepcopy(draft.data)).model_dump()


def test_a_shell_reads_the_command_as_it_is_meant() -> None:
    arguments = ["ltx2-wizard", "init", "--preset", "t2v_lora", "--set", "a='b' \"c\" $d\n#e", "-o", "x y"]
    script = "printf '%s\\0' " + "\n".join(shell_lines(arguments))
    heard = subprocess.run(["bash", "-c", script], check=True, capture_output=True).stdout.decode()
    assert heard.split("\0")[:-1] == arguments
    assert shlex.split(" ".join(shell_lines(arguments)).replace(" \\ ", " ")) == arguments


def test_a_file_is_its_own_start(own_directories: Path) -> None:
    path = own_directories / "mine.yaml"
    path.write_text("model: {model_path: /m.safetensors}\ndata: {preprocessed_data_root: /d}\nlora: {rank: 8}\n")
    draft, _ = open_draft(path)
    edits.assign(draft, "lora.rank", 16)
    edits.assign(draft, "validation.samples", [{"prompt": "a fox"}])
    arguments = init_arguments(draft)
    assert arguments is not None
    assert arguments[2:4] == ["--from", str(path)]
    result = CliRunner().invoke(command, arguments[2:])
    assert result.exit_code == 0, result.exception
    written = ConfigDocument.from_text(result.stdout).data()
    assert validate(written).model_dump() == validate(draft.data).model_dump()
    assert init_arguments(Draft.new(small())) is None, "neither preset nor file: nothing to start from"


def test_fields_are_compared_with_their_defaults() -> None:
    before: dict[str, Any] = small()
    after = copy.deepcopy(before)
    after["lora"]["dropout"] = 0.0  # the default, written
    after["lora"]["rank"] = 32.0  # the same number
    assert list(differences(before, after, model_specs())) == []
    after["validation"]["samples"][1]["prompt"] = "three"
    after["training_strategy"]["video"]["conditions"].pop()
    after["nonsense"] = 1
    assert [each.path for each in differences(before, after, model_specs())] == [
        "training_strategy.video.conditions",
        "validation.samples[1].prompt",
        "nonsense",
    ]


@pytest.mark.parametrize("vram", [None, 32.0])
def test_a_saved_file_remembers_its_preset(own_directories: Path, vram: float | None) -> None:
    path = own_directories / "x.yaml"
    draft = Draft.new(presets.load("t2v_lora", vram=vram), preset="t2v_lora", vram=vram)
    edits.assign(draft, "optimization.steps", 77)
    draft.save(path)
    again, notes = open_draft(path)
    assert notes == ()
    assert (again.preset, again.vram) == ("t2v_lora", vram)
    found = from_preset(again)
    assert found is not None
    assert [(each.path, each.after) for each in found] == [("optimization.steps", 77)]
