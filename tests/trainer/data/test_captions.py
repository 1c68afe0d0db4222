from __future__ import annotations

import pytest

from trainer.data.captions import prompt_of


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("This video shows a cat", "a cat"),
        ("The scene depicts The scene depicts a cat", "The scene depicts a cat"),  # once
        ("In this video, a cat runs", "a cat runs"),
        ("this video shows a cat", "this video shows a cat"),  # case counts
        ("A cat. This video shows more", "A cat. This video shows more"),  # only at the start
        ("This video showsalot", "This video showsalot"),
    ],
)
def test_openings_are_removed_once_and_only_at_the_start(caption: str, expected: str) -> None:
    assert prompt_of(caption, strip_opening=True) == expected
    assert prompt_of(caption) == caption


def test_trigger_stands_before_the_caption_with_one_space() -> None:
    assert prompt_of(" a cat ", trigger=" SKS ") == "SKS a cat"
    assert prompt_of("This clip shows a cat", trigger="SKS", strip_opening=True) == "SKS a cat"
    assert prompt_of("a cat", trigger="  ") == "a cat"
