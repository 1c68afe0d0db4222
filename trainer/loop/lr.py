"""Learning rates as closed forms of the optimizer step.

A value depends on the step alone, so a resumed run cannot drift from an uninterrupted one. The formulas are those of
the torch schedulers of the same meaning; ``step`` counts optimizer steps from 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

Params = Mapping[str, float]
Formula = Callable[[float, int, Params], float]


def _constant(base: float, _step: int, _params: Params) -> float:
    return base


def _linear(base: float, step: int, params: Params) -> float:
    """LinearLR."""
    share = min(step, params["total_iters"]) / params["total_iters"]
    return base * (params["start_factor"] + (params["end_factor"] - params["start_factor"]) * share)


def _cosine(base: float, step: int, params: Params) -> float:
    """CosineAnnealingLR; swings back up after T_max, as torch does."""
    return _half_cosine(base, params["eta_min"], step / params["T_max"])


def _restarts(base: float, step: int, params: Params) -> float:
    """CosineAnnealingWarmRestarts: cycle i lasts T_0 * T_mult**i steps."""
    length, multiplier = params["T_0"], params["T_mult"]
    if multiplier == 1:
        return _half_cosine(base, params["eta_min"], (step % length) / length)
    cycle = int(math.log(step / length * (multiplier - 1) + 1, multiplier) + 1e-9)
    start = length * (multiplier**cycle - 1) / (multiplier - 1)
    return _half_cosine(base, params["eta_min"], (step - start) / (length * multiplier**cycle))


def _polynomial(base: float, step: int, params: Params) -> float:
    """PolynomialLR."""
    share = min(step, params["total_iters"]) / params["total_iters"]
    return float(base * (1 - share) ** params["power"])


def _step(base: float, step: int, params: Params) -> float:
    """StepLR."""
    return float(base * params["gamma"] ** (step // int(params["step_size"])))


def _half_cosine(base: float, floor: float, phase: float) -> float:
    return floor + (base - floor) * (1 + math.cos(math.pi * phase)) / 2


FORMULAS: dict[str, Formula] = {
    "constant": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "cosine_with_restarts": _restarts,
    "polynomial": _polynomial,
    "step": _step,
}


class LearningRate:
    """The learning rate of a run at any step.

    ``params`` are the schedule's parameters with all defaults filled in (schemas.params.resolved_scheduler_params).
    Over the first ``warmup`` steps the schedule's value is scaled up in equal steps, the last of them whole.
    """

    def __init__(self, kind: str, base: float, params: Params, warmup: int = 0) -> None:
        self.kind = kind
        self.base = base
        """Top of the schedule; may be changed while the run goes on."""
        self._params = dict(params)
        self._warmup = warmup

    def at(self, step: int) -> float:
        """Learning rate of optimizer step ``step``, counted from 0."""
        params = self._params
        if params.get("eta_min", 0.0) > self.base:
            # The customary floor of restarts may lie above a small rate, and would then raise it.
            params = {**params, "eta_min": self.base}
        rate = FORMULAS[self.kind](self.base, step, params)
        return rate * (step + 1) / self._warmup if step < self._warmup else rate
