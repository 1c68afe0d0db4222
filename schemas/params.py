"""The named parameters behind ``scheduler_params`` and ``timestep_sampling_params``: one closed model per choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError, model_validator

from schemas.setting import Number, Section, fail, setting
from schemas.wording import problems_of


class ConstantParams(Section):
    """The learning rate never changes; no parameters."""


class LinearParams(Section):
    """From start_factor to end_factor times the learning rate, in a straight line."""

    start_factor: Number = setting(1.0, title="Start factor", text="Factor of the rate at step 0", gt=0.0, le=1.0)
    end_factor: Number = setting(0.1, title="End factor", text="Factor of the rate at the end", ge=0.0, le=1.0)
    total_iters: int | None = setting(
        None, title="Length", text="Steps until the end factor; null: all steps", ge=1, unit="steps"
    )


class CosineParams(Section):
    """Half a cosine from the learning rate down to eta_min."""

    T_max: int | None = setting(
        None, title="Half period", text="Steps until eta_min; null: all steps", ge=1, unit="steps"
    )
    eta_min: Number = setting(0.0, title="Lowest rate", text="Learning rate at the bottom", ge=0.0)


class CosineWithRestartsParams(Section):
    """Half cosines from the learning rate down to eta_min, again and again."""

    T_0: int | None = setting(
        None, title="First period", text="Steps until the first restart; null: a quarter of all", ge=1, unit="steps"
    )
    T_mult: int = setting(1, title="Period factor", text="Each period is this many times the one before", ge=1)
    eta_min: Number = setting(5e-5, title="Lowest rate", text="Learning rate at the bottom of each period", ge=0.0)


class PolynomialParams(Section):
    """(1 - progress) to a power, times the learning rate."""

    total_iters: int | None = setting(
        None, title="Length", text="Steps until the rate is 0; null: all steps", ge=1, unit="steps"
    )
    power: Number = setting(1.0, title="Power", text="1 falls in a straight line, 2 faster at first", gt=0.0)


class StepParams(Section):
    """The learning rate falls by a factor every so many steps."""

    step_size: int | None = setting(
        None, title="Step length", text="Steps between two falls; null: half of all steps", ge=1, unit="steps"
    )
    gamma: Number = setting(0.1, title="Factor", text="The rate is multiplied by this at each fall", gt=0.0, le=1.0)


class UniformParams(Section):
    """Noise levels spread evenly between two bounds."""

    min_value: Number = setting(0.0, title="Lowest", text="Lowest noise level drawn", ge=0.0, le=1.0)
    max_value: Number = setting(1.0, title="Highest", text="Highest noise level drawn", ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _ordered(self) -> UniformParams:
        if self.min_value >= self.max_value:
            fail(
                "min_value must be below max_value",
                hint="the full range is 0 to 1",
                at="min_value",
                also=("max_value",),
            )
        return self


class ShiftedLogitNormalParams(Section):
    """Noise levels bunched around a middle that moves up with the number of tokens."""

    std: Number = setting(1.0, title="Spread", text="Standard deviation before the sigmoid", gt=0.0)
    eps: Number = setting(1e-3, title="Floor", text="Lowest noise level; smaller draws are reflected", gt=0.0, lt=0.5)
    uniform_prob: Number = setting(
        0.1, title="Uniform share", text="Share of samples whose level is drawn evenly instead", ge=0.0, le=1.0
    )


SCHEDULER_PARAMS: Final[Mapping[str, type[Section]]] = {
    "constant": ConstantParams,
    "linear": LinearParams,
    "cosine": CosineParams,
    "cosine_with_restarts": CosineWithRestartsParams,
    "polynomial": PolynomialParams,
    "step": StepParams,
}
SAMPLER_PARAMS: Final[Mapping[str, type[Section]]] = {
    "uniform": UniformParams,
    "shifted_logit_normal": ShiftedLogitNormalParams,
}


def check_params(params: Mapping[str, Any], model: type[Section], choice: str) -> None:
    """Refuse a parameter the chosen scheduler or sampler does not have, or a value it cannot use."""
    try:
        model.model_validate(dict(params))
    except ValidationError as error:
        problem = problems_of(error, model)[0]
        at = f" ({choice})" if problem.message.startswith("unknown key") else ""
        hint = problem.hint if model.model_fields else f"{choice} takes no parameters"
        fail(problem.message + at, hint=hint, at=problem.path, also=problem.also)


def resolved_scheduler_params(scheduler_type: str, params: Mapping[str, Any], steps: int) -> dict[str, float | int]:
    """All parameters of a schedule over ``steps`` optimizer steps, with the defaults that depend on them filled in.

    Null lengths become: all steps (linear, cosine, polynomial), a quarter (cosine_with_restarts) or half (step) of
    them, never less than 1.
    """
    values = SCHEDULER_PARAMS[scheduler_type].model_validate(dict(params)).model_dump()
    shares = {"total_iters": 1, "T_max": 1, "T_0": 4, "step_size": 2}
    return {name: max(1, steps // shares[name]) if value is None else value for name, value in values.items()}


def resolved_sampling_params(mode: str, params: Mapping[str, Any]) -> dict[str, float]:
    """All parameters of a timestep sampler, defaults filled in."""
    return SAMPLER_PARAMS[mode].model_validate(dict(params)).model_dump()
