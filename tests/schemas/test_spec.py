"""The specification of fields, and that one edit in one file is all a new field needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from schemas import ConfigDocument, ConfigError, render_yaml
from schemas.explaining import explain_data, explain_text
from schemas.json_schema import json_schema
from schemas.overrides import apply
from schemas.setting import LocalPath, Number, Section, Text, When, setting
from schemas.spec import GROUPS, fields, find, model_specs
from tests.schemas.test_config import DEFAULTS


def test_every_field_of_the_reference_is_specified_with_its_default() -> None:
    found = {spec.path: spec for spec in fields()}
    for path, default in DEFAULTS.items():
        assert found[path].default == default, path
    for path in ("model.model_path", "data.preprocessed_data_root", "training_strategy.video.is_generated"):
        assert found[path].required


def _all(specs: Any = None) -> list[Any]:
    result = []
    for spec in specs if specs is not None else model_specs():
        result.append(spec)
        inner = [*spec.fields, *([spec.item] if spec.item else []), *(f for v in spec.variants for f in v.fields)]
        result.extend(_all(inner))
    return result


def test_every_field_is_described() -> None:
    for spec in _all():
        assert spec.title, spec.path
        assert spec.description, spec.path
        assert not spec.description.endswith("."), spec.path
        assert spec.group in GROUPS, spec.path
        if spec.kind == "choice":
            assert spec.choices, spec.path
        if spec.required and spec.kind not in ("model", "union") and not spec.path.endswith("]"):
            assert spec.example is not None, spec.path


def test_fields_that_cost_memory_or_time_say_so() -> None:
    costly = [
        "lora.rank",
        "optimization.batch_size",
        "optimization.enable_gradient_checkpointing",
        "acceleration.quantization",
        "validation.video_dims",
        "model.training_mode",
    ]
    for path in costly:
        assert find(path).effect_memory, path


def test_bounds_choices_and_items() -> None:
    rank = find("lora.rank")
    assert (rank.kind, rank.ge, rank.default, rank.recommended, rank.bounds()) == ("int", 2, 64, 32, "at least 2")
    assert find("lora.dropout").bounds() == "0 to 1"
    assert find("optimization.learning_rate").bounds() == "above 0, at most 1"
    quantization = find("acceleration.quantization")
    assert quantization.nullable
    assert quantization.choices[0] == "int8-quanto"
    dims = find("validation.video_dims")
    assert (dims.kind, dims.length, dims.item and dims.item.kind) == ("tuple", 3, "int")
    assert dims.item is not None
    assert (dims.item.ge, dims.default) == (1, [960, 544, 89])
    swapped = find("acceleration.blocks_to_swap")
    assert (swapped.kind, swapped.words, swapped.default, swapped.bounds()) == ("int", ("auto",), 0, "at least 0")
    assert find("acceleration.blocks_to_recompute").words == ("auto", "all")
    blocks = find("validation.stg_blocks")
    assert blocks.nullable
    assert blocks.item is not None
    assert blocks.item.ge == 0
    assert find("lora.target_modules").min_length == 1
    assert find("validation.negative_prompt").kind == "text"
    assert find("model.model_path").provider == "checkpoint_file"
    assert [str(when) for when in find("hub.hub_model_id").relevant_when] == ["hub.push_to_hub is true"]


def test_unions_and_templates() -> None:
    conditions = find("training_strategy.video.conditions")
    assert conditions.item is not None
    tags = [variant.tag for variant in conditions.item.variants]
    assert tags == ["first_frame", "prefix", "suffix", "spatial_crop", "mask", "reference"]
    assert conditions.item.discriminator == "type"
    for variant in conditions.item.variants:
        assert variant.description
    prefix = conditions.item.variant("prefix")
    assert prefix is not None
    assert dict(prefix.template) == {"type": "prefix", "temporal_boundary": 8}
    samples = find("validation.samples")
    assert samples.item is not None
    assert samples.item.template == {"prompt": ""}
    assert find("training_strategy.audio").template == {"is_generated": True, "latents_dir": "audio_latents"}
    assert find("lora").template == {"rank": 32, "alpha": 32}
    schedule = find("optimization.scheduler_params")
    assert schedule.variant_by == "optimization.scheduler_type"
    assert {variant.tag for variant in schedule.variants} == set(find("optimization.scheduler_type").choices)


def test_templates_lack_only_what_a_person_must_fill_in() -> None:
    for path in ("training_strategy.video.conditions", "validation.samples[0].conditions"):
        item = find(path).item
        assert item is not None
        assert item.template == dict(item.variants[0].template)
        item.template["type"] = "changed"
        assert item.template["type"] == "first_frame"
        for variant in item.variants:
            required = {spec.name: spec for spec in variant.fields if spec.required}
            assert variant.template.keys() == {"type", *required}
            for name, spec in required.items():
                empty = spec.kind in ("path", "text") and spec.provider != "data_directory"
                assert (variant.template[name] == "") is empty
    assert find("lora.target_modules[0]").template == ""
    assert find("optimization.scheduler_type").template == "linear"
    assert find("validation.stg_blocks[0]").template == 0
    assert find("training_strategy.video.is_generated").template is True


def test_relevance() -> None:
    when = find("hub.hub_model_id").relevant_when[0]
    assert (when.path, when.holds(True), when.holds(False)) == ("hub.push_to_hub", True, False)
    schedule = find("optimization.scheduler_params").relevant_when[0]
    assert (schedule.holds("linear"), schedule.holds("constant")) == (True, False)
    for spec in fields():
        for condition in spec.relevant_when:
            assert find(condition.path)


FOUND = {
    "validation.samples[0].prompt": "validation.samples[].prompt",
    "validation.samples[].conditions[3].image_or_video": "validation.samples[].conditions[].image_or_video",
    "training_strategy.video.conditions[0].probability": "training_strategy.video.conditions[].probability",
    "training_strategy.audio.conditions[0].mask.mask_dir": "training_strategy.audio.conditions[].mask_dir",
    "optimization.scheduler_params.end_factor": "optimization.scheduler_params.end_factor",
    "validation.guidance_scale": "validation.guidance_scale",
    "training_strategy.with_audio": "training_strategy.with_audio",
    "lora": "lora",
    "validation.video_dims[1]": "validation.video_dims[]",
}


@pytest.mark.parametrize(("path", "expected"), FOUND.items())
def test_find(path: str, expected: str) -> None:
    assert find(path).path == expected


NOT_FOUND = [
    ("optimization.stps", "did you mean optimization.steps?"),
    ("steps", "did you mean optimization.steps?"),
    ("rank", "did you mean lora.rank?"),
    ("validation.samples[0].promt", "did you mean validation.samples[].prompt?"),
    ("seed.x", "holds nothing below it"),
    ("zzz", "the file holds"),
    ("", "name a field"),
    ("a..b", "write it as"),
    ("a[x]", "write it as"),
]


@pytest.mark.parametrize(("path", "hint"), NOT_FOUND)
def test_not_found(path: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find(path)
    assert hint in caught.value.hint


class Cat(Section):
    """A cat."""

    type: Literal["cat"] = setting("cat", title="Type", text="Purrs")
    lives: int = setting(9, title="Lives", text="How many are left", ge=1, le=9)


class Dog(Section):
    """A dog."""

    type: Literal["dog"] = setting("dog", title="Type", text="Barks")
    name: Text = setting(title="Name", text="What it listens to", example="Rex")


class Toy(Section):
    """A model nobody else knows: one declaration per field is all there is."""

    speed: Number = setting(
        1.5, title="Speed", text="How fast it goes", gt=0, unit="m/s", recommended=2.0, memory="none", advanced=True
    )
    wheels: int | None = setting(4, title="Wheels", text="How many it rolls on", ge=2, when=When("speed", (0,), True))
    colour: Literal["red", "blue"] = setting("red", title="Colour", text="What it looks like")
    track: LocalPath = setting(title="Track", text="Where it runs", example="tracks/oval", provider="directory")
    pets: list[Annotated[Cat | Dog, Field(discriminator="type")]] = setting(factory=list, title="Pets", text="Aboard")
    secret_sauce: int = setting(0, title="Sauce", text="Only here", extension=True)


def test_one_declaration_is_seen_everywhere(tmp_path: Path) -> None:
    paths = [spec.path for spec in fields(Toy)]
    assert paths == ["speed", "wheels", "colour", "track", "pets", "secret_sauce"]
    spec = find("speed", Toy)
    assert (spec.kind, spec.gt, spec.unit, spec.recommended, spec.advanced) == ("float", 0, "m/s", 2.0, True)

    text = render_yaml({"track": "t", "pets": [{"type": "dog", "name": "Rex"}]}, model=Toy)
    assert "# How fast it goes [above 0; m/s; recommended 2.0]\nspeed: 1.5\n" in text
    assert "# Aboard [types: cat, dog]" in text
    assert "secret_sauce" not in text
    assert "secret_sauce: 3" in render_yaml({"track": "t", "secret_sauce": 3}, model=Toy)
    data = ConfigDocument.from_text(text).data()
    toy = Toy.model_validate(data)
    assert toy.pets == [Dog(name="Rex")]

    changed = apply(data, ["speed=3e-1", "wheels=null", "colour=blue", "track=a b", "pets[0].name=Max"], Toy)
    assert Toy.model_validate(changed).model_dump(mode="json") == {
        "speed": 0.3,
        "wheels": None,
        "colour": "blue",
        "track": "a b",
        "pets": [{"type": "dog", "name": "Max"}],
        "secret_sauce": 0,
    }

    words = "\n".join(explain_text(find("wheels", Toy)))
    assert "How many it rolls on" in words
    assert "while speed is not 0" in words
    assert explain_data(spec)["effect_memory"] == "none"

    properties = json_schema(Toy)["properties"]
    assert properties["speed"]["exclusiveMinimum"] == 0
    assert properties["speed"]["x-wizard"]["unit"] == "m/s"
    assert properties["secret_sauce"]["x-wizard"]["extension"] is True
