from __future__ import annotations

import json
import sys

import pytest

from trainer.rundir.environment import environment, told_arguments


def test_it_says_what_a_run_was_started_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    found = environment(["NVIDIA X"])
    assert found["gpus"] == ["NVIDIA X"]
    assert found["variables"]["CUDA_VISIBLE_DEVICES"] == "1"
    assert found["packages"]["torch"]
    assert found["argv"] == sys.argv
    assert "hf_secret" not in json.dumps(found)


def test_arguments_of_a_hook_are_not_kept() -> None:
    told = told_arguments(["train", "--on-event", "curl -H token", "--on-event=curl token", "--on-event"])
    assert told == ["train", "--on-event", "curl ...", "--on-event=curl ...", "--on-event"]
