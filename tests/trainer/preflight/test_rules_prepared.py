"""Prepared files know which model they were made with."""

from __future__ import annotations

import json

from tests.trainer.preflight.world import World, codes, only
from trainer.files.checkpoint import file_fingerprint


def test_prepared_with_another_model(world: World) -> None:
    report = world.prepared / "prepare_report.json"
    settings = {"checkpoint": file_fingerprint(world.model), "text_encoder": file_fingerprint(world.gemma)}
    report.write_text(json.dumps({"settings": settings}), "utf-8")
    assert codes(world.check()) == []
    report.write_text(json.dumps({"settings": {**settings, "checkpoint": "0" * 32}}), "utf-8")
    found = only(world.check(), "data-made-with-another-model")
    assert found.severity == "warning"
    report.write_text("{", "utf-8")
    assert codes(world.check()) == []
