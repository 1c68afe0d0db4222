"""What each kind of quantized weight takes, loses and costs: bits, error, unpacking, and a linear layer's time.

Weights are drawn from a normal distribution and from one with heavier tails (Student's t, five degrees of freedom), as
trained weights lie between the two. Times are seconds of one thread at work, whatever else the machine does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

WIDTH: Final = 2048
TOKENS: Final = 1024
REPEATS: Final = 5


def main() -> None:
    """Print a table."""
    import torch
    import torch.nn.functional as F
    from torch import Tensor

    from trainer.model.quantize import TYPES, dequantized, quantized
    from trainer.model.shells import plain_tensors

    torch.set_num_threads(1)
    torch.manual_seed(0)
    tails = torch.distributions.StudentT(5.0)
    weights = [(values * 0.02).bfloat16() for values in (torch.randn(WIDTH, WIDTH), tails.sample((WIDTH, WIDTH)))]
    x = torch.randn(TOKENS, WIDTH).bfloat16()
    plain = _seconds(lambda: F.linear(x, weights[0]))
    sys.stdout.write(
        f"{WIDTH}x{WIDTH} weights, {TOKENS} tokens, bf16 on a processor; a plain layer takes {plain * 1e3:.0f} ms\n\n"
        "| kind | bits a weight | error, normal | error, heavy tails | unpacking | layer, forward |\n"
        "|---|---|---|---|---|---|\n"
    )
    for kind, target in TYPES.items():
        held = [quantized(weight, target) for weight in weights]

        def unpacked(one: Tensor = held[0]) -> Tensor:
            return dequantized(one, torch.bfloat16)

        errors = [
            float((dequantized(one, torch.float32) - weight.float()).norm() / weight.float().norm())
            for one, weight in zip(held, weights, strict=True)
        ]
        bits = sum(tensor.nbytes for tensor in plain_tensors(held[0])) * 8 / WIDTH**2
        unpack = _seconds(unpacked)

        def multiplied(one: Tensor = held[0]) -> Tensor:
            return F.linear(x, dequantized(one, torch.bfloat16))

        cells = [kind, f"{bits:.2f}", *(f"{error:.3f}" for error in errors)]
        cells += [f"{unpack * 1e3:.0f} ms", f"x {_seconds(multiplied) / plain:.2f}"]
        sys.stdout.write("| " + " | ".join(cells) + " |\n")


def _seconds(work: Callable[[], object]) -> float:
    work()
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)
