"""How problems are told: suggestion, place, every one of them at once, and fast."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import ConfigError, LtxTrainerConfig, field_problems, load_config, validate
from schemas.paths import parse_path
from schemas.reading import MAX_BYTES
from schemas.spec import fields
from schemas.wording import nearest, short
from tests.schemas.samples import CURRENT, smallest

MISSPELT = [
    ("optimization", "learning_rte", "did you mean learning_rate?"),
    ("optimization", "rank", "it belongs to lora.rank"),
    ("optimization", "output_dir", "it belongs to the top level"),
    ("validation", "guidance_scal", "did you mean guidance_rescale?"),
    ("data", "zzz", "known here: preprocessed_data_root, num_dataloader_workers"),
]


@pytest.mark.parametrize(("section", "key", "hint"), MISSPELT)
def test_unknown_keys(section: str, key: str, hint: str) -> None:
    base = smallest().get(section, {})
    problems = field_problems(smallest(**{section: {**base, key: 1}}))
    assert [(problem.path, problem.hint) for problem in problems] == [(f"{section}.{key}", hint)]


@pytest.mark.parametrize("value", [-1, 2.0, True, "most", "", None, [1]])
def test_numbers_that_may_be_words(value: Any) -> None:
    problems = field_problems(smallest(acceleration={"blocks_to_swap": value, "blocks_to_recompute": value}))
    assert [(problem.path, problem.message) for problem in problems] == [
        ("acceleration.blocks_to_swap", "must be a whole number of at least 0, or auto"),
        ("acceleration.blocks_to_recompute", "must be a whole number of at least 0, or auto or all"),
    ]


def test_trained_blocks_are_not_swapped() -> None:
    for swapped in (1, "auto"):
        found = smallest(
            model={**smallest()["model"], "training_mode": "full"}, acceleration={"blocks_to_swap": swapped}
        )
        assert [problem.path for problem in field_problems(found)] == ["acceleration.blocks_to_swap"]


def test_unknown_sections_and_conditions() -> None:
    assert field_problems(smallest(optimisation={}))[0].hint == "did you mean optimization?"
    conditions = [{"type": "prefx", "temporal_boundary": 1}, {"temporal_boundary": 1}, {"type": "mask", "msk_dir": "m"}]
    video = {"is_generated": True, "latents_dir": "latents", "conditions": conditions}
    problems = field_problems(smallest(training_strategy={"name": "flexible", "video": video}))
    base = "training_strategy.video.conditions"
    assert {(problem.path.removeprefix(base), problem.hint) for problem in problems} >= {
        ("[0].type", "did you mean prefix?"),
        ("[1].type", "say which type of condition this is"),
        ("[2].msk_dir", "did you mean mask_dir?"),
    }


def test_params_of_schedules_and_samplers() -> None:
    for section, key, params, path, words in (
        ("optimization", "scheduler_params", {"end_facto": 1}, ".end_facto", "end_factor"),
        ("optimization", "scheduler_params", {"end_factor": 2}, ".end_factor", "at most 1"),
        ("optimization", "scheduler_params", {"T_max": 5}, ".T_max", "unknown"),
        ("optimization", "scheduler_params", [1], "", "section of keys"),
        ("flow_matching", "timestep_sampling_params", {"std": 0}, ".std", "above 0"),
        ("flow_matching", "timestep_sampling_params", {"std": float("nan")}, ".std", "finite"),
        ("flow_matching", "timestep_sampling_params", {"min_value": 0.1}, ".min_value", "unknown key"),
    ):
        problems = field_problems(smallest(**{section: {key: params}}))
        assert [problem.path for problem in problems] == [f"{section}.{key}{path}"]
        assert words in problems[0].message + problems[0].hint
    constant = {"scheduler_type": "constant", "scheduler_params": {"gamma": 0.1}}
    assert "takes no parameters" in field_problems(smallest(optimization=constant))[0].hint
    uniform = {"timestep_sampling_mode": "uniform", "timestep_sampling_params": {"min_value": 0.5, "max_value": 0.5}}
    assert "below max_value" in field_problems(smallest(flow_matching=uniform))[0].message


def test_every_problem_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    text = CURRENT.read_text()
    for old, new in (("steps: 3001", "steps: yes"), ("rank: 16", "rnk: 16"), ("type: prefix\n", "type: prefixx\n")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    lines = text.splitlines()
    assert {problem.path for problem in caught.value.problems} == {
        "lora.rnk",
        "training_strategy.video.conditions[1].type",
        "optimization.steps",
    }
    for problem in caught.value.problems:
        assert problem.line is not None
        assert problem.path.rsplit(".", 1)[-1] in lines[problem.line - 1]
    assert f"{path}:{lines.index('  rnk: 16') + 1}:3 (lora.rnk): unknown key rnk" in str(caught.value)
    assert caught.value.exit_code == 2


def test_keys_that_no_path_can_spell_have_a_line_too(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text('model: {model_path: m}\nlora:\n  "a.b": 1\n  "x]": 2\n  "": 3\n  rank.x: 4\ndata:\n  "q[": {}\n')
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    found = {problem.path: problem.line for problem in caught.value.problems}
    assert found == {
        "lora.a.b": 3,
        "lora.x]": 4,
        "lora.": 5,
        "lora.rank.x": 6,
        "data.preprocessed_data_root": 7,
        "data.q[": 8,
    }


def test_missing_fields_point_to_their_section(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("lora: {}\n\nmodel:\n  training_mode: lora\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    found = {problem.path: (problem.line, problem.message) for problem in caught.value.problems}
    assert found == {"model.model_path": (3, "is required"), "data": (None, "is required")}


def test_no_file(tmp_path: Path) -> None:
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    for path, words in (
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "directory"),
        (large, "1 MiB"),
        (Path("/dev/zero"), "1 MiB"),
        (tmp_path / "a\0b", "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=words):
            load_config(path)


def test_validate_raises_what_field_problems_finds() -> None:
    with pytest.raises(ConfigError) as caught:
        validate({})
    assert caught.value.problems == field_problems({})
    assert {problem.path for problem in caught.value.problems} == {"model", "data"}


def test_hostile_data_is_refused_quickly() -> None:
    begin = time.process_time()
    assert field_problems({"model": [[[]]] * 10_000, "data": {"x" * 100_000: 1}, "seed": 10**9000})
    assert field_problems({"model": {"model_path": "x" * 10**6, "training_mode": "y" * 10**6}})
    assert time.process_time() - begin < 1


def test_validation_is_cheap_enough_for_every_key_press() -> None:
    data = load_config(CURRENT).document.data()
    field_problems(data)
    begin = time.process_time()
    for _ in range(50):
        field_problems(data)
    assert (time.process_time() - begin) / 50 < 0.005


NAMES = sorted({spec.name for spec in fields()} | {"type", "prompt", "video", "guidance_scale", "prompts", "images"})
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(NAMES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=25,
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(NAMES + list(LtxTrainerConfig.model_fields)), ANYTHING, max_size=8))
def test_any_values_are_a_configuration_or_problems(data: dict[str, Any]) -> None:
    problems = field_problems({**smallest(), **data})
    for problem in problems:
        assert problem.message
        parse_path(problem.path)
    if not problems:
        assert validate({**smallest(), **data})


def test_words() -> None:
    assert nearest("int8", ["int8-quanto", "fp8-quanto"]) == "int8-quanto"
    assert nearest("zzz", ["steps"]) == ""
    assert short("a\n b") == "a b"
    assert short(["x" * 100]) == "[" + "x" * 56 + "..."
    assert short(None) == "null"
