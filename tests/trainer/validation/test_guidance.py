from __future__ import annotations

import pytest
import torch
from torch import Tensor

from schemas.validation import ValidationConfig
from trainer.model.inputs import Perturbation
from trainer.validation.guidance import OFF, Guidance, Pass, Scales, combine, from_config

torch.set_num_threads(1)
PASSES: tuple[Pass, ...] = ("cond", "uncond", "perturbed", "isolated")


def _random(seed: int) -> Tensor:
    return torch.randn(1, 12, 16, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rescale", [0.0, 0.7, 1.0])
def test_equal_passes_change_nothing_whatever_the_scales(rescale: float) -> None:
    cond = _random(0)
    same: dict[Pass, Tensor] = {name: cond.clone() for name in PASSES}
    torch.testing.assert_close(combine(same, Scales(7.0, 2.0, 3.0), rescale), cond, rtol=1e-6, atol=1e-6)


def test_full_rescale_gives_the_spread_of_the_unguided_prediction() -> None:
    x0: dict[Pass, Tensor] = {name: _random(seed) for seed, name in enumerate(PASSES)}
    plain, full = combine(x0, Scales(3, 1, 3), 0.0), combine(x0, Scales(3, 1, 3), 1.0)
    assert plain.std() > 2 * x0["cond"].std()
    torch.testing.assert_close(full.std(), x0["cond"].std())
    torch.testing.assert_close(full / plain, (x0["cond"].std() / plain.std()).expand_as(plain))


def test_each_term_of_the_formula() -> None:
    c, u, p, m = (_random(seed) for seed in range(4))
    x0: dict[Pass, Tensor] = {"cond": c, "uncond": u, "perturbed": p, "isolated": m}
    torch.testing.assert_close(combine(x0, Scales(cfg=4), 0.0), u + 4 * (c - u))
    torch.testing.assert_close(combine(x0, Scales(stg=1.5), 0.0), c + 1.5 * (c - p))
    torch.testing.assert_close(combine(x0, Scales(modality=3), 0.0), m + 3 * (c - m))
    assert combine({"cond": c}, OFF, 0.7) is c


def test_a_prediction_without_spread_stays_finite() -> None:
    flat = torch.full((1, 4, 4), 2.0)
    x0: dict[Pass, Tensor] = {"cond": flat, "uncond": flat - 1}
    torch.testing.assert_close(combine(x0, Scales(cfg=3), 0.7), flat + 2)


def test_result_is_fp32_whatever_came_in() -> None:
    x0: dict[Pass, Tensor] = {"cond": _random(0).bfloat16(), "uncond": _random(1).bfloat16()}
    assert combine(x0, Scales(cfg=3), 0.7).dtype == torch.float32


@pytest.mark.parametrize(
    ("video", "audio", "passes"),
    [
        (OFF, OFF, ("cond",)),
        (Scales(cfg=3), OFF, ("cond", "uncond")),
        (OFF, Scales(stg=1), ("cond", "perturbed")),
        (Scales(modality=3), OFF, ("cond", "isolated")),
        (Scales(3, 1, 3), Scales(7, 1, 3), PASSES),
    ],
)
def test_only_passes_that_are_used_are_made(video: Scales, audio: Scales, passes: tuple[str, ...]) -> None:
    assert Guidance(video, audio).passes() == passes


def test_absent_and_frozen_modalities_are_not_steered() -> None:
    asked = Guidance(Scales(3, 1, 3), Scales(7, 1, 3), frozenset({1}), 0.7)
    alone = asked.reduced(video=True, audio=False, generates_video=True, generates_audio=False)
    assert (alone.video, alone.audio) == (Scales(3, 1), OFF)
    beside_frozen = asked.reduced(video=True, audio=True, generates_video=True, generates_audio=False)
    assert (beside_frozen.video, beside_frozen.audio) == (Scales(3, 1, 3), OFF)


def test_weakened_blocks() -> None:
    guidance = Guidance(Scales(stg=1), Scales(cfg=2), frozenset({1, 2}))
    weakened = guidance.perturbation("perturbed", 4)
    assert weakened is not None
    assert weakened == Perturbation(video_self_blocks=frozenset({1, 2}))
    everywhere = Guidance(OFF, Scales(stg=1), None).perturbation("perturbed", 3)
    assert everywhere is not None
    assert everywhere.audio_self_blocks == {0, 1, 2}
    isolated = guidance.perturbation("isolated", 4)
    assert isolated is not None
    assert isolated.isolate
    assert guidance.perturbation("cond", 4) is None
    assert guidance.perturbation("uncond", 4) is None


def test_configuration_is_taken_over() -> None:
    config = ValidationConfig.model_validate({"video_cfg_scale": 2.0, "audio_stg_scale": 0.5, "stg_blocks": None})
    guidance = from_config(config)
    assert guidance.video == Scales(2.0, 1.0, 3.0)
    assert guidance.audio == Scales(7.0, 0.5, 3.0)
    assert guidance.stg_blocks is None
    assert guidance.rescale == 0.7
