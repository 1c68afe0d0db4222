"""LoRA targets and STG blocks against the modules there are."""

from __future__ import annotations

from tests.trainer.preflight.world import World, codes, only, strategy


def test_what_is_hit_is_told(world: World) -> None:
    found = next(problem for problem in world.check().problems if problem.code == "targets")
    assert found.severity == "info"
    assert "48 modules" in found.message
    assert "audio_to_video_attn (8)" in found.message


def test_a_pattern_without_a_match(world: World) -> None:
    found = only(world.check("lora.target_modules=[to_k, attn1.to_kk]"), "target-no-match")
    assert (found.path, found.severity, found.exit_code) == ("lora.target_modules[1]", "error", 2)
    assert "did you mean attn1.to_k" in found.hint


def test_audio_modules_in_a_video_only_run(world: World) -> None:
    """The trainer does not load them and refuses such a pattern, so this is an error."""
    quiet = ("validation.generate_audio=false",)
    video = strategy(with_audio=False)
    assert codes(world.check(*quiet, training_strategy=video)) == []
    found = only(
        world.check(*quiet, "lora.target_modules=[attn1.to_k, audio_attn1.to_k]", training_strategy=video),
        "target-not-loaded",
    )
    assert found.path == "lora.target_modules[1]"
    found = only(
        world.check(*quiet, "lora.target_modules=[attn1.to_k, video_to_audio_attn.to_q]", training_strategy=video),
        "target-not-loaded",
    )
    assert "need audio" in found.message


def test_generated_modality_without_adapters(world: World) -> None:
    found = only(world.check("lora.target_modules=[attn1.to_k]"), "targets-miss-generated")
    assert "audio is generated" in found.message


def test_adapters_on_a_given_modality(world: World) -> None:
    given = strategy()
    given["audio"]["is_generated"] = False
    report = world.check("validation.generate_audio=false", training_strategy=given)
    assert "targets-on-frozen" in codes(report, "info")
    assert report.ok


def test_rank_above_the_modules(world: World) -> None:
    assert "rank 40 is larger than" in only(world.check("lora.rank=40"), "lora-rank").message


def test_full_training_has_no_targets(world: World) -> None:
    report = world.check("model.training_mode=full", "lora=null", "optimization.learning_rate=1e-5")
    assert codes(report) == []
    assert "targets" not in codes(report, "info")


def test_stg_blocks(world: World) -> None:
    found = only(world.check("validation.stg_blocks=[0, 2]"), "stg-block")
    assert (found.path, found.severity) == ("validation.stg_blocks[1]", "error")
    assert "has 2 (0 to 1)" in found.message
    unused = ("validation.stg_blocks=[28]", "validation.video_stg_scale=0", "validation.audio_stg_scale=0")
    assert only(world.check(*unused), "stg-block").severity == "warning"
    assert codes(world.check("validation.stg_blocks=null")) == []
