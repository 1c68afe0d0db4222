"""Merging of overlays."""

from __future__ import annotations

from presets.overlays import listed, merge, read


def test_merge() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}}
    overlay = {"a": {"c": [3], "f": {"g": 1}}, "d": None}
    assert merge(base, overlay) == {"a": {"b": 1, "c": [3], "f": {"g": 1}}, "d": None}
    assert base == {"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}}
    assert merge({"a": None}, {"a": {"b": 1}}) == {"a": {"b": 1}}


def test_files_are_small_and_hold_what_they_should() -> None:
    assert len(listed("tasks")) == 16
    for name in listed("tasks"):
        assert read(f"tasks/{name}").keys() <= {"title", "task", "description", "config", "tiers", "extends", "tier"}
    for tier in listed("tiers"):
        assert int(tier) > 0
        assert read(f"tiers/{tier}").keys() == {"title", "config"}
