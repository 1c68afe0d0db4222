"""How much memory the process holds, for the metrics of a step."""

from __future__ import annotations

import psutil
import torch


def memory_metrics(device: torch.device) -> dict[str, int]:
    """Bytes: resident host memory, and on CUDA what is allocated, reserved and was at most allocated.

    The device values are absent without CUDA. The peak covers the time since the last call.
    """
    metrics = {"host_rss": psutil.Process().memory_info().rss}
    if device.type == "cuda":
        metrics["memory_allocated"] = torch.cuda.memory_allocated(device)
        metrics["memory_reserved"] = torch.cuda.memory_reserved(device)
        metrics["memory_peak"] = torch.cuda.max_memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
    return metrics
