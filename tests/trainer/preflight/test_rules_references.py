"""References agree in size: in training, and in validation with training."""

from __future__ import annotations

from tests.trainer.preflight.world import World, codes, only, strategy, video

REFERENCED = strategy([{"type": "reference", "latents_dir": "refs"}])


def test_references_agree_in_their_factors(world: World) -> None:
    world.write("refs", video(4, 2, 2))
    assert codes(world.check(training_strategy=REFERENCED)) == []
    world.write("refs", video(7, 2, 2), ["b"])
    found = only(world.check(training_strategy=REFERENCED), "reference-factors")
    assert "refs/b.pt" in found.message
    assert found.exit_code == 3


def test_validation_shows_references_as_training_has_them(world: World) -> None:
    world.write("refs", video(4, 2, 2))
    clip = world.root / "ref.mp4"
    reference = {"type": "reference", "video": str(clip), "downscale_factor": 2, "temporal_scale_factor": 2}
    validation = {**world.data()["validation"], "samples": [{"prompt": "x", "conditions": [reference]}]}
    assert "reference-unlike-training" not in codes(world.check(training_strategy=REFERENCED, validation=validation))
    reference["downscale_factor"] = 1
    report = world.check(training_strategy=REFERENCED, validation=validation)
    found = next(problem for problem in report.problems if problem.code == "reference-unlike-training")
    assert (found.severity, found.path) == ("warning", "validation.samples[0].conditions[0]")
    assert "downscale_factor: 2" in found.hint
