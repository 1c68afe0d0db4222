"""The training loss: mean squared error of the velocity over the tokens that are generated."""

from __future__ import annotations

from torch import Tensor


def velocity_loss(prediction_BNC: Tensor, target_BNC: Tensor, counted_BN: Tensor) -> Tensor:
    """Loss ``[B]`` fp32 of one modality: mean over counted tokens and channels of the squared error.

    All three cover the target tokens. ``counted_BN`` is true where a token is generated. A sample without any
    counted token has loss 0.
    """
    error_BNC = (prediction_BNC.float() - target_BNC.float()).square()
    weight_BN1 = counted_BN.to(error_BNC.dtype).unsqueeze(-1)
    masked_B = (error_BNC * weight_BN1).mean(dim=(1, 2))
    return masked_B / weight_BN1.mean(dim=(1, 2)).clamp_min(1e-8)
