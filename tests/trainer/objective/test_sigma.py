from __future__ import annotations

import pytest
import torch

from trainer.objective.sigma import ShiftedLogitNormalSigma, SigmaDraws, build_sampler, shift


@pytest.mark.parametrize(
    ("tokens", "expected"), [(1024, 0.95), (1792, 1.225), (2268, 1.3954), (4096, 2.05), (6120, 2.7747), (93, 0.6166)]
)
def test_the_shift_is_a_line_and_is_not_clamped(tokens: int, expected: float) -> None:
    assert shift(tokens) == pytest.approx(expected, abs=1e-4)


def draws(count: int, seed: int = 0) -> SigmaDraws:
    generator = torch.Generator().manual_seed(seed)
    each = [SigmaDraws.from_generator(generator) for _ in range(count)]
    return SigmaDraws(
        *(torch.cat([getattr(one, name) for one in each]) for name in ("normal_B", "value_B", "selector_B"))
    )


def test_samples_stay_within_their_bounds() -> None:
    sigma = build_sampler("shifted_logit_normal", {"std": 1.0, "eps": 1e-3, "uniform_prob": 0.1})(draws(4000), 2268)
    assert float(sigma.min()) >= 1e-3
    assert float(sigma.max()) <= 1.0
    assert sigma.dtype == torch.float32


def test_long_sequences_get_more_noise() -> None:
    sampler = ShiftedLogitNormalSigma()
    assert float(sampler(draws(2000), 6120).mean()) > float(sampler(draws(2000), 576).mean()) + 0.1


def test_the_uniform_share_takes_the_value_draw() -> None:
    one = SigmaDraws(torch.tensor([0.0, 0.0]), torch.tensor([0.25, 0.25]), torch.tensor([0.05, 0.5]))
    sigma = ShiftedLogitNormalSigma()(one, 1024)
    assert float(sigma[0]) == pytest.approx(1e-3 + (1 - 1e-3) * 0.25)
    assert float(sigma[1]) != pytest.approx(float(sigma[0]))


def test_uniform_between_bounds() -> None:
    sigma = build_sampler("uniform", {"min_value": 0.2, "max_value": 0.4})(draws(1000), 1)
    assert 0.2 <= float(sigma.min()) < 0.22
    assert 0.38 < float(sigma.max()) <= 0.4
