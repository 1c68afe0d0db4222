"""Names and files of what was encoded once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from schemas.errors import EnvironmentFault
from trainer.validation.entries import Entries


def test_a_name_depends_on_everything(tmp_path: Path) -> None:
    entries = Entries(tmp_path / "cache")
    names = {entries.path(*parts) for parts in (("a", "b"), ("ab",), ("a", "b", ""), ("a", "c"), ("b", "a"))}
    assert len(names) == 5
    assert entries.path("a", 1) == entries.path("a", "1")


def test_only_whole_entries_are_read(tmp_path: Path) -> None:
    entries = Entries(tmp_path / "deep" / "cache")
    path = entries.path("x")
    assert entries.read(path, {"latents"}) is None
    entries.write(path, {"latents": torch.arange(6.0).view(2, 3).T})
    found = entries.read(path, {"latents"})
    assert found is not None
    assert torch.equal(found["latents"], torch.arange(6.0).view(2, 3).T)
    assert entries.read(path, {"latents", "mask"}) is None
    path.write_bytes(path.read_bytes()[:40])
    assert entries.read(path, {"latents"}) is None


def test_a_cache_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EnvironmentFault, match="cache of validation"):
        entries = Entries(tmp_path / "file" / "cache")
        entries.write(entries.path("x"), {"latents": torch.zeros(1)})
