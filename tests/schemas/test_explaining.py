"""Explanations and the documentation made of them."""

from __future__ import annotations

import json
from pathlib import Path

from schemas.explaining import all_lines, explain_data, explain_text, markdown
from schemas.legacy_keys import LegacyValidationKeys
from schemas.prepare import PrepareOptions
from schemas.spec import fields, find

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == markdown(), "run: ltx2-wizard explain --all --markdown > docs/configuration.md"


def test_the_page_names_every_field() -> None:
    page = markdown()
    for spec in fields():
        assert f"`{spec.name}`" in page or f"`{spec.path}`" in page, spec.path
    for name in [*LegacyValidationKeys.model_fields, *PrepareOptions.model_fields]:
        assert f"| `{name}` |" in page, name
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {5}


def test_one_field() -> None:
    text = "\n".join(explain_text(find("optimization.learning_rate")))
    for words in ("optimization.learning_rate", "above 0, at most 1", "0.0005", "recommended  0.0001", "quality"):
        assert words in text
    assert "use validation.video_cfg_scale" in "\n".join(explain_text(find("validation.guidance_scale")))
    conditions = "\n".join(explain_text(find("validation.samples[0].conditions")))
    for tag in ("first_frame", "video_to_audio", "temporal_scale_factor"):
        assert tag in conditions


def test_every_field_can_be_explained_and_is_plain_json() -> None:
    for spec in fields():
        assert any(spec.description in line for line in explain_text(spec))
        data = explain_data(spec)
        assert json.loads(json.dumps(data))["path"] == spec.path
    assert len(list(all_lines())) == len(fields())
