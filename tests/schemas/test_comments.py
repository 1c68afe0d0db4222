"""Comments of keys that go away when a file is brought to current keys."""

from __future__ import annotations

from schemas import ConfigDocument
from schemas.comments import with_kept_comments
from schemas.nodes import parse

TEXT = """\
training_strategy:
  # above
  name: "text_to_video"  # behind a value that stays
  with_audio: true  # behind a value that goes
  audio_latents_dir: "a # b"
validation:
  prompts:  # behind the key
    - "#1 fox"  # behind an item
    # between items
    - "a cat"
  interval: 5
"""


def test_they_are_told_above_where_the_key_stood() -> None:
    root = parse(TEXT, None)
    assert root is not None
    wanted = {"training_strategy": {"name": "flexible"}, "validation": {"interval": 5}}
    kept = with_kept_comments(TEXT, root, wanted)
    added = [line for line in kept.splitlines() if line not in TEXT.splitlines()]
    assert added == [
        "  # with_audio: behind a value that goes",
        "  # prompts: behind the key",
        "  # prompts: behind an item",
        "  # prompts: between items",
    ]
    assert with_kept_comments(TEXT, root, root.data()) == TEXT


def test_an_upgraded_document_holds_every_comment() -> None:
    document = ConfigDocument.from_text(TEXT)
    assert document.upgrade()
    said = document.dump()
    words = ("above", "behind a value that stays", "behind a value that goes", "behind an item", "between items")
    assert [word for word in words if said.count(word) != 1] == []
    assert "with_audio: true" not in said


def test_a_section_on_one_line_is_rewritten_too() -> None:
    document = ConfigDocument.from_text("training_strategy: {name: text_to_video, with_audio: true}  # short\n")
    assert document.upgrade()
    assert "# short" in document.dump()
    assert document.get("training_strategy.shared_sigma") is True
