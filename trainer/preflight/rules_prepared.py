"""Whether the prepared files were made with the model of this configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from schemas.errors import WizardError
from trainer.files.checkpoint import file_fingerprint
from trainer.files.inspection import REPORT_NAME
from trainer.preflight.facts import Facts
from trainer.preflight.problem import Problem, warning

_FIELD: Final = "data.preprocessed_data_root"


def made_with(facts: Facts) -> Iterator[Problem]:
    """The report of ``prepare`` names the fingerprints of its model files; others give other latents and features."""
    settings = _settings(facts)
    model = facts.config.model
    for key, path, what in (
        ("checkpoint", model.model_path, "checkpoint"),
        ("text_encoder", model.text_encoder_path, "text encoder"),
    ):
        saved = settings.get(key)
        if path is None or not isinstance(saved, str):
            continue
        try:
            now = file_fingerprint(path)
        except WizardError:
            continue  # the rules of these files say why they cannot be read
        if now != saved:
            yield warning(
                "data-made-with-another-model",
                _FIELD,
                f"{facts.root} was prepared with another {what} than {path}",
                "prepare again, unless both files share VAE, extractor and text encoder (dev and distilled do)",
            )


def _settings(facts: Facts) -> dict[str, Any]:
    try:
        found = json.loads((facts.root / REPORT_NAME).read_bytes())
    except (OSError, ValueError):
        return {}
    settings = found.get("settings") if isinstance(found, dict) else None
    return settings if isinstance(settings, dict) else {}
