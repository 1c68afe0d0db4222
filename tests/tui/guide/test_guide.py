"""The plain logic of the guide: pictures, carrying a draft over, steps, facts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import presets
from tests.support.media import write_clip
from tests.support.sparse import write_real
from tests.tui.guide.world import write_world
from tui.guide.data_facts import DataFacts, DataQuestion, data_facts
from tui.guide.diagram import FROZEN, GIVEN, MADE, diagram
from tui.guide.goals import INTENTS, goal, goals
from tui.guide.guide import Guide, look
from tui.guide.model_facts import ModelPaths, model_facts
from tui.guide.preparation_form import options_of, preparation_draft, prepared_root
from tui.guide.retarget import retarget
from tui.guide.steps import INDEX, STEPS, obstacles, step_of
from tui.text import width_of


def picture(name: str, width: int = 42) -> str:
    found = goal(name)
    return "\n".join("".join(text for text, _ in line) for line in diagram(found.strategy, width, found.size))


def bars(name: str, label: str) -> list[str]:
    """The rows of one modality."""
    lines = picture(name).splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(label))
    rows = 2 if label == "video" else 1
    return [line[10:].strip() for line in lines[start : start + rows]]


def test_every_preset_has_an_intent_and_they_differ() -> None:
    assert set(INTENTS) == set(presets.names())
    assert len({each.intent for each in goals()}) == len(presets.names())


@pytest.mark.parametrize("name", presets.names())
@pytest.mark.parametrize("width", [20, 42, 90])
def test_every_picture_fits_and_says_which_part_is_what(name: str, width: int) -> None:
    found = goal(name)
    lines = diagram(found.strategy, width, found.size)
    assert max(width_of(line) for line in lines[:-1]) <= max(width, 20)
    text = picture(name)
    for modality in ("video", "audio"):
        section = found.strategy.get(modality)
        shown = "".join(bars(name, modality))
        if section is None:
            assert shown.startswith("not used")
        elif not section["is_generated"]:
            assert set(shown) == {FROZEN}
        else:
            assert MADE in shown
            inside = [each["type"] for each in section["conditions"] if each["type"] != "reference"]
            assert (GIVEN in shown) == bool(inside)
    assert ("reference " in text) == any(
        each["type"] == "reference"
        for modality in ("video", "audio")
        for each in (found.strategy.get(modality) or {"conditions": []})["conditions"]
    )


def test_time_runs_from_left_to_right() -> None:
    assert bars("i2v_lora", "video")[0].startswith(GIVEN + GIVEN + MADE)
    assert bars("video_extend_lora", "video")[0].rstrip(MADE) == GIVEN * bars("video_extend_lora", "video")[0].count(
        GIVEN
    )
    assert bars("video_suffix_lora", "video")[0].endswith(GIVEN)
    upper, lower = bars("video_outpainting_lora", "video")
    assert (set(upper), set(lower)) == ({GIVEN}, {MADE})


def test_what_a_person_changed_stays_where_the_choice_leaves_it_alone() -> None:
    old, new = presets.load("t2v_lora"), presets.load("t2v_lora", vram=32)
    mine = json.loads(json.dumps(old))
    mine["model"]["model_path"] = "mine.safetensors"
    mine["optimization"]["steps"] = 7
    mine["lora"]["rank"] = 64
    result = retarget(mine, old, new)
    assert result["model"]["model_path"] == "mine.safetensors"
    assert result["optimization"]["steps"] == 7
    assert result["lora"]["rank"] == new["lora"]["rank"], "the card decides about the rank"
    assert result["acceleration"] == new["acceleration"]
    mine["acceleration"]["quantization"] = "fp8-quanto"
    assert retarget(mine, old, new)["acceleration"]["quantization"] == "fp8-quanto"


def chosen(guide: Guide) -> str | None:
    return guide.goal


def test_goal_and_card_are_choices_that_undo_takes_back() -> None:
    guide = Guide.new()
    guide.choose_goal("video_extend_lora")
    guide.choose_card(32)
    assert guide.tier == 32
    assert guide.draft.data == presets.load("video_extend_lora", vram=32)
    guide.draft.undo()
    guide.follow()
    assert chosen(guide) == "video_extend_lora"
    assert guide.draft.vram is None
    guide.draft.undo()
    guide.follow()
    assert chosen(guide) is None
    guide.draft.redo()
    guide.follow()
    assert chosen(guide) == "video_extend_lora"


def test_every_field_belongs_to_a_step() -> None:
    for name in presets.load("t2v_lora"):
        assert step_of(name).id != "review", name
    assert step_of("lora.rank").id == "targets"
    assert step_of("").id == "review"
    assert [step.id for step in STEPS] == list(INDEX)


def test_obstacles_name_the_step_that_mends_them(tmp_path: Path) -> None:
    guide = Guide.new()
    guide.draft.set("validation.frame_rate", -1)
    guide.take(*look(*guide.stale()))
    found = {one.step for one in obstacles(guide)}
    assert found == {"validation", "model", "data"}
    write_world(tmp_path)
    guide.draft.set("validation.frame_rate", 24)
    guide.draft.set("model.model_path", str(tmp_path / "m.safetensors"))
    guide.draft.set("model.text_encoder_path", str(tmp_path / "gemma"))
    guide.draft.set("data.preprocessed_data_root", str(tmp_path / "data"))
    guide.take(*look(*guide.stale()))
    assert obstacles(guide) == ()
    assert STEPS[INDEX["model"]].state(guide).mark == "done"


def test_facts_of_another_moment_are_not_taken() -> None:
    guide = Guide.new()
    facts = look(*guide.stale())
    guide.draft.set("model.model_path", "/elsewhere")
    guide.take(*facts)
    assert guide.model is None
    assert guide.data is not None


def test_a_text_encoder_of_another_release_is_an_error(tmp_path: Path) -> None:
    write_world(tmp_path)
    packed = write_real(tmp_path, "ltx-2.5-22b-text-encoder")
    facts = model_facts(ModelPaths(str(tmp_path / "m.safetensors"), str(packed)))
    assert facts.state.mark == "wrong"
    assert any(line.startswith("error: ") for line in facts.lines)
    nonsense = model_facts(ModelPaths(str(tmp_path / "gemma" / "config.json"), ""))
    assert nonsense.state.mark == "wrong"
    assert not model_facts(ModelPaths(str(tmp_path / "nothing"), "")).checkpoint


def asked(root: Path, name: str) -> DataFacts:
    guide = Guide.new()
    guide.choose_goal(name)
    guide.draft.set("data.preprocessed_data_root", str(root))
    return data_facts(DataQuestion.of(guide.draft))


def test_prepared_data_are_counted_and_what_lacks_is_named(tmp_path: Path) -> None:
    write_world(tmp_path)
    (tmp_path / "data" / "video_masks" / "b.pt").unlink()
    facts = asked(tmp_path / "data", "video_inpainting_lora")
    assert facts.state.words == "2 clips"
    assert "video  576x576x81: 2" in facts.lines
    assert [one.name for one in facts.dropped] == ["b"]
    for file in (tmp_path / "data" / "reference_latents").iterdir():
        file.unlink()
    (tmp_path / "data" / "reference_latents").rmdir()
    lacking = asked(tmp_path / "data", "v2v_ic_lora")
    assert lacking.state.mark == "wrong"
    assert "reference_latents/" in lacking.state.words


def test_a_dataset_file_can_be_prepared_and_its_columns_are_checked(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 40, (96, 64))
    dataset = tmp_path / "dataset.json"
    dataset.write_text(json.dumps([{"caption": "a fox", "video": "a.mp4"}]))
    facts = asked(dataset, "t2v_lora")
    assert (facts.state.mark, facts.dataset, facts.clip) == ("open", dataset, (96, 64, 33))
    assert asked(tmp_path, "t2v_lora").dataset == dataset
    lacking = asked(dataset, "v2v_ic_lora")
    assert lacking.state.words == "no column for reference_video"
    guide = Guide.new()
    draft = preparation_draft(guide.draft, dataset, facts.clip)
    options = options_of(draft)
    assert options is not None
    assert options.resolution_buckets == [(96, 64, 33)]
    assert prepared_root(options) == tmp_path
    draft.set("batch_size", 0)
    assert options_of(draft) is None


def test_a_folder_without_anything_is_said(tmp_path: Path) -> None:
    assert asked(tmp_path / "nothing", "t2v_lora").state.mark == "open"
    assert asked(tmp_path, "t2v_lora").state.mark == "wrong"
