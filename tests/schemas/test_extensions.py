"""Extensions stay out of files while they are at their default."""

from __future__ import annotations

from typing import Any, Literal

from schemas import ConfigDocument, render_yaml
from schemas.extensions import without_unchanged
from schemas.setting import Section, setting
from schemas.spec import model_specs
from tests.schemas.samples import CURRENT, smallest


class Inner(Section):
    """Inside."""

    type: Literal["inner"] = setting("inner", title="Type", text="Kind")
    own: int = setting(1, title="Own", text="Ours", extension=True)
    plain: int = setting(1, title="Plain", text="Theirs")


class Outer(Section):
    """Outside."""

    section: Inner | None = setting(None, title="Section", text="One")
    items: list[Inner] = setting(factory=list, title="Items", text="Many")


def test_everywhere() -> None:
    data: dict[str, Any] = {
        "section": {"type": "inner", "own": 1, "plain": 1},
        "items": [{"own": 1}, {"own": 2, "unknown": 3}, "odd"],
        "unknown": {"own": 1},
    }
    assert without_unchanged(data, model_specs(Outer)) == {
        "section": {"type": "inner", "plain": 1},
        "items": [{}, {"own": 2, "unknown": 3}, "odd"],
        "unknown": {"own": 1},
    }


def test_documents_and_new_files() -> None:
    strategy = {**smallest()["training_strategy"], "shared_sigma": False}
    assert "shared_sigma" not in render_yaml(smallest(training_strategy=strategy))
    document = ConfigDocument.read(CURRENT)
    before = document.dump()
    document.set("training_strategy.shared_sigma", False)
    assert document.dump() == before
    document.set("training_strategy.shared_sigma", True)
    assert document.get("training_strategy.shared_sigma") is True
    document.set("training_strategy.shared_sigma", False)
    assert document.dump() == before
