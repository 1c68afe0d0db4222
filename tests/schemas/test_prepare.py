"""Options of ``prepare``."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.prepare import PrepareOptions


def options(**changes: Any) -> PrepareOptions:
    return PrepareOptions(dataset_path="d.json", model_path="m", text_encoder_path="t", **changes)  # type: ignore[arg-type]


def test_defaults() -> None:
    found = options().model_dump(mode="json")
    assert {name: value for name, value in found.items() if value not in (None, False)} == {
        "dataset_path": "d.json",
        "model_path": "m",
        "text_encoder_path": "t",
        "batch_size": 1,
        "device": "cuda",
        "reference_downscale_factor": 1,
        "reference_temporal_scale_factor": 1,
        "image_fps": 24.0,
    }
    assert len(found) == 24


def test_lists_written_as_text() -> None:
    found = options(resolution_buckets="960x544x89; 576x576x49;", audio_durations="2.0;4")
    assert found.resolution_buckets == [(960, 544, 89), (576, 576, 49)]
    assert found.audio_durations == [2.0, 4.0]
    assert options(**found.model_dump(mode="json", include={"resolution_buckets"})).resolution_buckets == [
        (960, 544, 89),
        (576, 576, 49),
    ]


WRONG = [
    ({"resolution_buckets": "960x544"}, "not a bucket"),
    ({"resolution_buckets": "0x544x1"}, "greater than or equal to 1"),
    ({"audio_durations": "two"}, "not a list of durations"),
    ({"audio_durations": "-1"}, "greater than 0"),
    ({"batch_size": 0}, "greater than or equal to 1"),
    ({"reference_downscale_factor": 2}, "exactly one bucket"),
    ({"reference_temporal_scale_factor": 2, "resolution_buckets": "64x64x9;32x32x9"}, "exactly one bucket"),
    ({"image_fps": 0}, "greater than 0"),
    ({"nonsense": 1}, "Extra inputs"),
]


@pytest.mark.parametrize(("changes", "words"), WRONG)
def test_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        options(**changes)


def test_scaled_references_with_one_bucket() -> None:
    assert options(resolution_buckets="64x64x9", reference_downscale_factor=2).reference_downscale_factor == 2
