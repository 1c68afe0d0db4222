"""The text encoder: needed for validation prompts, and the one the checkpoint was trained with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.errors import WizardError
from trainer.files.checkpoint import EXTRACTOR_PREFIX, compatibility, read_text_encoder
from trainer.preflight.facts import Facts, missing
from trainer.preflight.problem import Problem, Severity, error, from_error

_FIELD: Final = "model.text_encoder_path"


def text_encoder(facts: Facts) -> Iterator[Problem]:
    """Present when prompts must be encoded, complete, and a match for the checkpoint.

    Without validation and caption dropout the trainer never loads it (captions were encoded by prepare), so its faults
    are warnings then.
    """
    path = facts.config.model.text_encoder_path
    severity: Severity = "error" if facts.encodes_prompts else "warning"
    if path is None:
        if facts.validates:
            yield error(
                "text-encoder-missing",
                _FIELD,
                "validation samples have prompts, but there is no text encoder to read them with",
                "set model.text_encoder_path, or delete validation.samples",
            )
        if facts.config.training_strategy.caption_dropout > 0:
            yield error(
                "text-encoder-missing",
                _FIELD,
                "captions are dropped, but there is no text encoder to read the empty one with",
                "set model.text_encoder_path, or training_strategy.caption_dropout to 0",
            )
        return
    found = missing(path, _FIELD)
    if found is not None:
        yield Problem(found.code, severity, found.path, found.message, found.hint, found.exit_code)
        return
    try:
        encoder = read_text_encoder(path)
    except WizardError as fault:
        yield from_error(fault, "text-encoder-invalid", _FIELD, severity)
        return
    if facts.sound_checkpoint is None:
        return
    mismatch = compatibility(facts.sound_checkpoint, encoder)
    if mismatch is not None:
        code = "text-encoder-mismatch" if mismatch.fatal else "text-encoder-unproven"
        yield Problem(code, severity if mismatch.fatal else "warning", _FIELD, mismatch.message, mismatch.hint, 3)
    elif facts.encodes_prompts:
        yield from _extractor(facts)


def _extractor(facts: Facts) -> Iterator[Problem]:
    if facts.files is None:
        return
    searched = [part for part in map(facts.part, facts.files.extractor) if part is not None]
    if not any(part.has(EXTRACTOR_PREFIX) for part in searched):
        yield error(
            "extractor-missing",
            _FIELD,
            f"no file holds the text feature extractor ({', '.join(str(part.path) for part in searched)})",
            "for a split pack, name the packed text encoder of the release",
            exit_code=3,
        )
