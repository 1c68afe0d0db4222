"""Training steps of a full-size random model on a CUDA card, the process capped at the size of a smaller one."""

from __future__ import annotations

import trainer.process  # noqa: F401 - before torch, so that memory is asked for as the trainer asks

# isort: split

import contextlib
import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from presets.memory import GIB, JobShape
from schemas.errors import EnvironmentFault
from tests.support.sparse import write_real
from trainer.files.checkpoint import ModelFiles, VaeScale
from trainer.files.headers import TensorInfo
from trainer.loop.optimizers import build_optimizer
from trainer.model import reading
from trainer.model.inputs import ModalityInput
from trainer.model.loading import load_transformer
from trainer.model.lora import add_lora
from trainer.model.out_of_memory import is_out_of_memory
from trainer.model.transformer import LtxTransformer
from trainer.objective.positions import audio_positions, video_positions

if TYPE_CHECKING:
    from benchmarks.vram import Row

HEADER: Final = "ltx-2.3-22b"
STEPS: Final = 4
"""The first one also makes the optimizer's state; the others count."""
_POOL: Final = 2**24
_ALIKE: Final = 0.95
"""A card of 24 GB reports 23.5: so much of a tier's size is that tier."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a row took."""

    allocated: int
    reserved: int
    seconds: float


def card_name() -> str | None:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def measured_table(rows: Sequence[Row]) -> Iterator[str]:
    """Rows that this card is large enough for, each in a capped process memory."""
    total = torch.cuda.get_device_properties(0).total_memory
    yield f"measured on {card_name()}, the process capped at the tier's size: the training step alone"
    yield ""
    yield "| tier | rank | size | predicted GB | allocated GB | reserved GB | s/step |"
    yield "|---|---|---|---|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        path = write_real(Path(folder), HEADER)
        for row in rows:
            if row.card * _ALIKE > total:
                continue
            start = f"| {row.tier} GB | {row.rank} | {'x'.join(map(str, row.size))} "
            predicted = f"| {row.predicted().total('training_step') / GIB:.2f} "
            found = measure(row, path, total)
            if isinstance(found, str):
                yield f"{start}{predicted}| {found} | | |"
                continue
            sizes = f"| {found.allocated / GIB:.2f} | {found.reserved / GIB:.2f} "
            yield f"{start}{predicted}{sizes}| {found.seconds:.2f} |"


def measure(row: Row, path: Path, total: int) -> Taken | str:
    """Steps of one row, in as much memory as its card has; why there were none where the machine is in the way."""
    torch.cuda.set_per_process_memory_fraction(min(1.0, row.card / total))
    try:
        return attempt(lambda: _steps(row, path))
    finally:
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(1.0)


def attempt(work: Callable[[], Taken]) -> Taken | str:
    """The rows after one that fails are measured all the same; its error, which holds its memory, ends here."""
    try:
        return work()
    except EnvironmentFault as error:
        return error.message
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return "out of memory"


def _steps(row: Row, path: Path) -> Taken:
    config, job = row.config(), row.job()
    assert config.lora is not None
    device = torch.device("cuda", 0)
    files = ModelFiles(path, path, path, (path,), (path,), None, None)  # only the first is read
    with random_weights():
        model = load_transformer(
            files, device=device, quantization=config.acceleration.quantization, swapped=job.run.swapped
        )
    add_lora(model, config.lora, config.seed)
    model.gradient_checkpointing = job.run.checkpointing
    model.recomputed = job.run.recomputed
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = build_optimizer(config.optimization.optimizer_type, trained, 1e-4, 0.01)
    inputs = given(job, model, device)
    times = []
    torch.cuda.reset_peak_memory_stats()
    for _ in range(STEPS):
        torch.cuda.synchronize()
        started = time.perf_counter()
        with torch.autocast("cuda", torch.bfloat16):
            outputs = model(*inputs)
        loss = torch.stack([output.float().square().mean() for output in outputs if output is not None]).sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        del outputs, loss
        torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return Taken(torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved(), statistics.median(times[1:]))


def given(job: JobShape, model: LtxTransformer, device: torch.device) -> tuple[ModalityInput, ModalityInput]:
    """Noise for one clip and its sound, one noise level each."""
    assert job.clip is not None
    grid = ((job.clip.frames - 1) // 8 + 1, job.clip.height // 32, job.clip.width // 32)
    positions = (
        video_positions(*grid, torch.tensor([25.0], device=device), VaeScale(32, 8)),
        audio_positions(job.run.audio_tokens, 1, device),
    )
    shapes = (
        (job.model.video, model.config.in_channels),
        (job.model.audio, model.config.audio_in_channels),
    )

    def one(place: torch.Tensor, width: int, channels: int) -> ModalityInput:
        def noise(*shape: int) -> Tensor:
            return torch.randn(shape, device=device, dtype=torch.bfloat16)

        return ModalityInput(
            latent_BNC=noise(1, place.shape[2], channels),
            sigma_B=torch.tensor([0.5], device=device),
            timesteps_BN=torch.full((1, 1), 0.5, device=device),
            positions_BANE=place,
            context_BSD=noise(1, job.run.text_tokens, width),
        )

    video, audio = (
        one(place, branch.width, channels) for place, (branch, channels) in zip(positions, shapes, strict=True)
    )
    return video, audio


@contextlib.contextmanager
def random_weights() -> Iterator[None]:
    """What is read from a model file is noise; everything after that is the loader's own way.

    The file is one hole of the right size: zeros would be quicker to compute with than numbers are.
    """
    drawn = torch.randn(_POOL, generator=torch.Generator().manual_seed(0)).mul_(0.02)
    pools: dict[torch.dtype, Tensor] = {}
    read = reading.read_into

    def noise(data: Tensor, file: FileIO, path: Path, info: TensorInfo) -> Tensor:
        del file, path
        held = data.view(reading._DTYPES[info.dtype])
        if held.dtype not in pools:
            pools[held.dtype] = drawn.to(held.dtype)
        source = pools[held.dtype]
        for start in range(0, held.numel(), _POOL):
            part = held[start : start + _POOL]
            part.copy_(source[: part.numel()])
        return held.view(info.shape)

    reading.read_into = noise
    try:
        yield
    finally:
        reading.read_into = read
