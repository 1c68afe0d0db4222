from __future__ import annotations

import os
from pathlib import Path

import pytest

from schemas import load_config
from schemas.errors import ConfigError
from schemas.paths import MISSING
from tests.tui.forms.support import small
from tui.forms.draft import Draft, same

COMMENTED = """\
# my own heading
model:
  model_path: /models/ltx.safetensors   # the big one
  text_encoder_path: /models/gemma
data: {preprocessed_data_root: /data}
lora:
  rank: 32  # try 64 later
  alpha: 32
training_strategy:
  name: flexible
  video: {is_generated: true, latents_dir: latents}
"""


def test_every_change_is_judged_as_a_whole() -> None:
    draft = Draft.new(small())
    assert [problem.path for problem in draft.problems] == []
    draft.set("model.training_mode", "full")
    draft.set("acceleration.quantization", "int8-quanto")
    assert [problem.path for problem in draft.problems] == ["acceleration.quantization"]
    draft.set("acceleration.quantization", None)
    assert [problem.path for problem in draft.problems] == []


def test_text_that_is_no_number_is_kept_and_reported() -> None:
    draft = Draft.new(small())
    draft.set("lora.rank", "thirty")
    assert draft.get("lora.rank") == "thirty"
    assert [problem.path for problem in draft.problems] == ["lora.rank"]


def test_undo_and_redo_walk_through_every_kind_of_change() -> None:
    draft = Draft.new(small())
    start = draft.data
    draft.set("lora.rank", 8)
    draft.insert("validation.samples", 0, {"prompt": "new"})
    draft.move("validation.samples", 0, 2)
    draft.remove("validation.samples", 1)
    draft.reset("lora.alpha")
    end = draft.data
    assert draft.get("lora.alpha") is MISSING
    assert [sample["prompt"] for sample in draft.get("validation.samples")] == ["a [red] fox", "new"]
    while draft.undo() is not None:
        pass
    assert draft.data == start
    while draft.redo() is not None:
        pass
    assert draft.data == end
    draft.undo()
    draft.set("seed", 1)
    assert not draft.can_redo


def test_changes_that_change_nothing_are_no_changes() -> None:
    draft = Draft.new(small())
    assert not draft.set("lora.rank", 32)
    assert not draft.reset("seed")
    assert not draft.move("validation.samples", 1, 2)
    assert not draft.can_undo
    assert draft.set("lora.rank", 32.0), "32.0 is written differently from 32"


def test_saving_keeps_comments_and_order(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(COMMENTED)
    draft = Draft.open(path)
    dirty = [draft.dirty]
    draft.set("lora.rank", 64)
    draft.set("optimization.steps", 20)
    dirty.append(draft.dirty)
    draft.save(path)
    assert [*dirty, draft.dirty] == [False, True, False]
    text = path.read_text()
    assert text.startswith("# my own heading")
    assert "# the big one" in text
    assert "rank: 64  # try 64 later" in text
    assert load_config(path).config.optimization.steps == 20


def test_a_new_draft_saves_a_complete_commented_file(tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    draft = Draft.new(small(), preset="t2v_lora")
    assert draft.dirty
    draft.save(path)
    config = load_config(path).config
    assert config.lora is not None
    assert config.lora.rank == 32
    assert path.read_text().count("#") > 30


def test_a_file_somebody_else_changed_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(COMMENTED)
    draft = Draft.open(path)
    assert not draft.newer_on_disk(path)
    os.utime(path, ns=(1, 1))
    assert draft.newer_on_disk(path)
    assert not draft.newer_on_disk(tmp_path / "other.yaml")
    (tmp_path / "other.yaml").write_text("x: 1\n")
    assert draft.newer_on_disk(tmp_path / "other.yaml")
    draft.save(path)
    assert not draft.newer_on_disk(path)


def test_a_file_with_wrong_values_can_be_opened_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(COMMENTED.replace("rank: 32", "rank: many").replace("alpha: 32", "aplha: 32"))
    draft = Draft.open(path)
    assert {problem.path for problem in draft.problems} == {"lora.rank", "lora.aplha"}
    draft.set("lora.rank", 16)
    draft.reset("lora.aplha")
    assert draft.problems == ()


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("model: [1, 2\n")
    with pytest.raises(ConfigError) as caught:
        Draft.open(path)
    assert caught.value.where.line is not None


def test_sameness_looks_at_types_too() -> None:
    assert same({"a": [1, None]}, {"a": [1, None]})
    assert not same(1, 1.0)
    assert not same(1, True)
    assert not same({"a": 1}, {"a": 1, "b": None})
    assert same(float("nan"), float("nan"))
