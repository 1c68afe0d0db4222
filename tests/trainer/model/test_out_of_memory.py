"""Which errors say that memory ran out."""

from __future__ import annotations

import pytest
import torch

from trainer.model.out_of_memory import is_out_of_memory


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (torch.OutOfMemoryError("whatever it says"), True),
        (torch.AcceleratorError("CUDA error: out of memory\nmore"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."), True),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), False),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_what_says_so(error: RuntimeError, full: bool) -> None:
    assert is_out_of_memory(error) == full


def test_the_host_says_so_too() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**62, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)
