"""Whether going on from a save gave the same weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import presets
from schemas import validate
from schemas.errors import NumericError
from trainer.rundir import RunDirectory
from tui.demo import again
from tui.demo.again import train_again, verdict, weights_of


def test_a_run_with_one_save_has_nothing_to_go_on_from(tmp_path: Path) -> None:
    config = validate(presets.load("t2v_lora") | {"output_dir": str(tmp_path / "run")})
    RunDirectory(tmp_path / "run").state_path(1).mkdir(parents=True)
    assert train_again(config, tmp_path / "again") is None
    assert "no earlier save" in verdict(None)


def test_other_weights_are_a_failure_where_sums_have_one_order(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"from_step": 6, "to_step": 12, "same": False}
    monkeypatch.setattr(again, "compute_capability", lambda: None)
    with pytest.raises(NumericError, match="steps 6 to 12"):
        verdict(found)
    monkeypatch.setattr(again, "compute_capability", lambda: (9, 0))
    assert "but for rounding" in verdict(found)
    assert "to the bit" in verdict({**found, "same": True})


def test_weights_are_compared_by_the_checksum_of_their_manifest(tmp_path: Path) -> None:
    manifest = {"files": {"weights.safetensors": {"bytes": 3, "sha256": "abc"}}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert weights_of(tmp_path) == "abc"
