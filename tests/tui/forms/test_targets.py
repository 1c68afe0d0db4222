from __future__ import annotations

from pathlib import Path

from tests.tui.forms.support import small
from tui.forms.draft import Draft
from tui.forms.targets import describe_hits, draft_modules

CHECKPOINT = Path(__file__).parents[2] / "golden" / "ltx2.3_tiny_checkpoint.safetensors"


def test_patterns_are_counted_in_the_checkpoint() -> None:
    data = small()
    data["model"]["model_path"] = str(CHECKPOINT)
    modules = draft_modules(Draft.new(data))
    assert modules
    assert not any("audio" in name for name in modules), "audio is off: its modules are not loaded"
    data["training_strategy"]["audio"] = {"is_generated": True, "latents_dir": "audio_latents"}
    both = draft_modules(Draft.new(data))
    assert len(both) > len(modules)
    text = describe_hits(["to_k", "attn1.to_q"], both)
    assert text.startswith("✔ ")
    assert "to_k" in text
    assert "no module matches to_kk" in describe_hits(["to_k", "to_kk"], both)


def test_a_checkpoint_that_is_not_here_or_damaged_counts_nothing(tmp_path: Path) -> None:
    data = small()
    assert draft_modules(Draft.new(data)) == ()
    damaged = tmp_path / "x.safetensors"
    damaged.write_bytes(b"nonsense")
    data["model"]["model_path"] = str(damaged)
    assert draft_modules(Draft.new(data)) == ()
    data["model"] = 3
    assert draft_modules(Draft.new(data)) == ()
    assert describe_hits(["to_k"], ()) == ""
