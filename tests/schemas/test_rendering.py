"""A written file is complete, commented, and reads back as what was written, by us and by YAML 1.1 loaders."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from schemas import ConfigDocument, load_config, render_yaml, validate
from schemas.spec import FieldSpec, fields
from tests.schemas.samples import CURRENT, SEED_ERA, smallest


@pytest.mark.parametrize("path", [SEED_ERA, CURRENT])
def test_nothing_is_lost(path: Any) -> None:
    config = load_config(path).config
    assert validate(ConfigDocument.from_text(render_yaml(config)).data()) == config
    assert validate(ConfigDocument.from_data(load_config(path).document.data()).data()) == config


def test_every_current_field_is_written_and_commented() -> None:
    text = render_yaml(load_config(CURRENT).config)
    document = ConfigDocument.from_text(text)
    lines = text.splitlines()
    for spec in fields():
        if spec.extension or spec.path.startswith("training_strategy.audio."):
            continue
        spot = document.position(spec.path)
        assert spot is not None
        assert lines[spot[0] - 1].strip().startswith(f"{spec.name}:"), spec.path
        assert lines[spot[0] - 2].strip().startswith("#"), spec.path


def test_header() -> None:
    text = render_yaml(smallest(), preset="t2v_lora")
    first, second = text.splitlines()[:2]
    assert first == "# yaml-language-server: $schema=ltx2-wizard.schema.json"
    assert second == "# LTX-2 training, preset t2v_lora."
    assert max(len(line) for line in text.splitlines() if line.lstrip().startswith("#")) <= 104


def test_extensions_are_written_only_when_changed() -> None:
    assert "shared_sigma" not in render_yaml(smallest())
    strategy = {**smallest()["training_strategy"], "shared_sigma": True}
    assert "  shared_sigma: true" in render_yaml(smallest(training_strategy=strategy))


def test_older_keys_are_written_as_current_ones() -> None:
    text = render_yaml(smallest(validation={"guidance_scale": 4.0, "prompts": ["a: b"]}))
    assert "video_cfg_scale: 4.0" in text
    assert "guidance_scale: 4.0" not in text.replace("modality_guidance_scale", "")
    assert '- prompt: "a: b"' in text


def test_a_draft_that_is_not_valid_yet_is_written_whole() -> None:
    draft = {
        "model": {"training_mode": "lora", "modle_path": "x"},
        "lora": 5,
        "validation": {"samples": [{"prompt": "a", "conditions": [{"type": "nonsense", "x": 1}, "text"]}, None]},
        "extra": {"a": [1, {"b": None}]},
    }
    text = render_yaml(draft)
    data = ConfigDocument.from_text(text).data()
    assert data["model"]["modle_path"] == "x"
    assert data["lora"] == 5
    assert data["validation"]["samples"] == draft["validation"]["samples"]  # type: ignore[index]
    assert data["extra"] == draft["extra"]
    assert "# REQUIRED" in text


def test_other_yaml_loaders_read_the_same() -> None:
    """PyYAML is what other trainers use: exponents need a dot, and some words need quotes."""
    data = smallest(
        optimization={"learning_rate": 1e-5},
        acceleration={"mixed_precision_mode": "no"},
        wandb={"tags": ["yes", "on", "1e3", "010", "null", "~", "2024-01-01", "12:30:45", "a: b", "- c", "é", "a\tb"]},
        validation={"samples": [{"prompt": 'He said: "no" #1\n'}]},
    )
    loader = YAML(typ="safe", pure=True)
    loader.version = (1, 1)
    found = loader.load(render_yaml(data))
    assert found["optimization"]["learning_rate"] == 1e-5
    assert found["acceleration"]["mixed_precision_mode"] == "no"
    assert found["wandb"]["tags"] == data["wandb"]["tags"]
    assert validate(found) == validate(data)


def _values(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Valid values of a scalar field, from its own specification."""
    text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
    if spec.choices:
        found: st.SearchStrategy[Any] = st.sampled_from(spec.choices)
    elif spec.kind == "bool":
        found = st.booleans()
    elif spec.kind == "int":
        found = st.integers(int(spec.ge or 0), min(int(spec.le if spec.le is not None else 10**6), 10**18))
        found = found | st.sampled_from(spec.words) if spec.words else found
    elif spec.kind == "float":
        low = spec.ge if spec.ge is not None else spec.gt or 0.0
        found = st.floats(low, spec.le or 1e6, exclude_min=spec.ge is None)
    elif spec.kind == "path":
        found = text.filter(lambda value: value.strip() and "://" not in value and not value.startswith("~"))
    else:
        found = text.filter(bool)
    return st.none() | found if spec.nullable else found


# Those that are valid only together with others.
_TOGETHER = (
    "hub.hub_model_id",
    "hub.push_to_hub",
    "model.training_mode",
    "acceleration.quantization",
    "validation.loss_interval",
)
SCALAR_FIELDS = [
    spec
    for spec in fields()
    if spec.kind in ("bool", "int", "float", "str", "text", "path", "choice")
    and spec.path not in _TOGETHER
    and not spec.path.startswith(("training_strategy.", "lora"))
]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_valid_configuration_survives_writing_and_reading(data: st.DataObject) -> None:
    values = smallest()
    for spec in data.draw(st.lists(st.sampled_from(SCALAR_FIELDS), max_size=8, unique_by=lambda spec: spec.path)):
        section, _, name = spec.path.rpartition(".")
        target = values.setdefault(section, {}) if section else values
        target[name] = data.draw(_values(spec), label=spec.path)
    config = validate(values)
    document = ConfigDocument.from_text(render_yaml(config))
    assert validate(document.data()) == config
