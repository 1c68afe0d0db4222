"""Data of the validation loss."""

from __future__ import annotations

from tests.trainer.preflight.world import World, codes, only


def test_held_out_samples_leave_some_to_train_on(world: World) -> None:
    assert codes(world.check("validation.loss_holdout=2", "validation.loss_interval=10")) == []
    found = only(world.check("validation.loss_holdout=3", "validation.loss_interval=10"), "validation-loss-data")
    assert (found.path, found.exit_code) == ("validation.loss_holdout", 3)
    assert "validation-loss-data" in codes(world.check("validation.loss_holdout=1"), "info")


def test_other_data_are_complete(world: World) -> None:
    measured = "validation.loss_interval=10"
    assert codes(world.check(measured, f"validation.loss_data_root={world.prepared}")) == []
    found = only(world.check(measured, f"validation.loss_data_root={world.root / 'none'}"), "validation-loss-data")
    assert found.path == "validation.loss_data_root"
    for name in ("latents", "audio_latents", "conditions"):
        (world.root / "empty" / name).mkdir(parents=True)
    found = only(world.check(measured, f"validation.loss_data_root={world.root / 'empty'}"), "validation-loss-data")
    assert "no prepared samples" in found.message
