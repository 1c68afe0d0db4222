"""How much memory the process holds, for the metrics of a step."""

from __future__ import annotations

import psutil
import torch

from trainer.loop.nvml import utilization


def memory_metrics(device: torch.device) -> dict[str, int]:
    """Bytes: resident host memory and what the host has left, and on CUDA what is allocated, reserved, was at most
    allocated, and is there in all; and how busy the card was lately, in percent, where its driver tells.

    The device values are absent without CUDA. The peak covers the time since the last call.
    """
    metrics = {"host_rss": psutil.Process().memory_info().rss, "host_available": psutil.virtual_memory().available}
    if device.type == "cuda":
        busy = utilization(str(torch.cuda.get_device_properties(device).uuid))
        if busy is not None:
            metrics["gpu_utilization"] = busy
        metrics["memory_total"] = torch.cuda.get_device_properties(device).total_memory
        metrics["memory_allocated"] = torch.cuda.memory_allocated(device)
        metrics["memory_reserved"] = torch.cuda.memory_reserved(device)
        metrics["memory_peak"] = torch.cuda.max_memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
    return metrics


def forget_peak() -> None:
    """Begin the peak anew: what validation took is not the next step's."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
