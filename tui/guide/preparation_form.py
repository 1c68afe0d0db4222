"""The options of ``prepare`` as a draft of their own, filled from the configuration they are for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from schemas.errors import WizardError
from schemas.prepare import PrepareOptions
from trainer.files.datafile import read_rows
from tui.forms.draft import Draft
from tui.forms.rows import effective

DEVICE: Final = "auto"
_FROM_DRAFT: Final = {
    "model_path": "model.model_path",
    "text_encoder_path": "model.text_encoder_path",
    "video_vae_path": "model.video_vae_path",
    "audio_vae_path": "model.audio_vae_path",
    "load_text_encoder_in_8bit": "acceleration.load_text_encoder_in_8bit",
}


def preparation_draft(config: Draft | None, dataset: Path | None, clip: tuple[int, int, int] | None = None) -> Draft:
    """Options for a dataset file, with the model files and the sound of a configuration.

    Clips are brought to the size of the samples of validation, or to their own ``clip`` where that is smaller.
    """
    values: dict[str, Any] = {"dataset_path": str(dataset or "")}
    if config is not None:
        found = {name: effective(config, path) for name, path in _FROM_DRAFT.items()}
        values |= {name: value for name, value in found.items() if value not in (None, "", False)}
        values |= _shape(config, clip)
    return Draft.new({**values, "device": DEVICE}, model=PrepareOptions)


def _shape(config: Draft, clip: tuple[int, int, int] | None) -> dict[str, Any]:
    """Size and length; sound where the strategy uses it."""
    strategy = config.data.get("training_strategy")
    if not isinstance(strategy, Mapping) or strategy.get("video") is None:
        return {}
    size = effective(config, "validation.video_dims")
    wanted = list(size) if isinstance(size, list | tuple) and len(size) == 3 else list(clip or ())
    bucket = [min(pair) for pair in zip(wanted, clip, strict=True)] if clip is not None else wanted
    return {"resolution_buckets": [bucket] if bucket else None, "skip_audio": strategy.get("audio") is None}


def options_of(draft: Draft) -> PrepareOptions | None:
    """The options as typed, None while something is wrong with them."""
    if draft.problems:
        return None
    given = {name: value for name, value in draft.data.items() if value is not None}
    return PrepareOptions.model_validate(given)


def lacking(options: PrepareOptions) -> str:
    """What the dataset file makes necessary and is not given; nothing when the file cannot be read."""
    if options.resolution_buckets:
        return ""
    try:
        rows = read_rows(options.dataset_path, caption_column=options.caption_column, video_column=options.video_column)
    except WizardError:  # prepare itself says what is wrong with it
        return ""
    return "Buckets: a dataset with videos needs at least one size" if "video" in rows.roles else ""


def prepared_root(options: PrepareOptions) -> Path:
    """What ``data.preprocessed_data_root`` should be once the dataset is prepared."""
    return options.output_dir or options.dataset_path.parent
