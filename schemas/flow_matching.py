"""``flow_matching``: which noise levels are trained on."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationInfo, field_validator

from schemas.params import SAMPLER_PARAMS, check_params
from schemas.setting import Section, setting

SamplingMode = Literal["uniform", "shifted_logit_normal"]


class FlowMatchingConfig(Section):
    """Sampling of the noise level (sigma) of each training sample."""

    timestep_sampling_mode: SamplingMode = setting(
        "shifted_logit_normal",
        title="Noise levels",
        text="How the noise level of a sample is drawn",
        recommended="shifted_logit_normal",
        advanced=True,
        quality="shifted_logit_normal is what the model was made with: longer sequences train on noisier samples",
    )
    timestep_sampling_params: dict[str, Any] = setting(
        factory=dict,
        title="Sampler parameters",
        text="Parameters of the chosen sampler that differ from its defaults",
        example={"uniform_prob": 0.1},
        advanced=True,
        params=SAMPLER_PARAMS,
        params_by="flow_matching.timestep_sampling_mode",
    )

    @field_validator("timestep_sampling_params")
    @classmethod
    def _known_params(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        chosen = info.data.get("timestep_sampling_mode", "shifted_logit_normal")
        check_params(value, SAMPLER_PARAMS[chosen], f"the {chosen} sampler")
        return value
