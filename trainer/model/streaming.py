"""A language model that never stands on the device: one layer after another passes through it.

All prompts go through a layer before the next one comes, so the weights travel once for many prompts. While a layer
works, the next one is read from the file into a pinned buffer and copied to the device on a stream of its own; two
buffers take turns on either side. What the device holds at a time is two layers (0.9 GB of Gemma 3 12B in bf16), the
states of the prompts between two layers, and their masks.

The numbers are those of the model standing there whole, to the bit: each prompt is alone in its batch, and what a
layer is given beside the states (mask, rotations) is what the model's own forward pass hands to it.

Legend of shapes: B prompts, S positions, D width, L states (the embedding's, then one per layer).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from schemas.errors import EnvironmentFault
from trainer.files.headers import TensorInfo
from trainer.model.reading import read_into

Source = tuple[Path, TensorInfo]
"""File, and where in it."""
Tell = Callable[[str], object]
_SLOTS: Final = 2
_TOLD: Final = 4
"""Times that progress is told on the way through the layers."""
_ALIGN: Final = 256
"""Each tensor of a slot begins at a multiple of this."""


@dataclass
class Slot:
    """Room for one layer: as stored, on the host; and on a card as computed with."""

    host: Tensor
    device: Tensor | None
    """None on a processor."""
    copied: Any = None
    """Event: the host side may be overwritten."""
    used: Any = None
    """Event: the device side may be overwritten."""


class LayerFeed:
    """The weights of every layer in turn, as a mapping from names to tensors that hold until the next is asked for.

    ``layers`` says of each layer where its tensors lie in the files.
    """

    def __init__(
        self, layers: Sequence[Mapping[str, Source]], *, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        self.layers, self.dtype, self.device = layers, dtype, torch.device(device)
        cuda = self.device.type == "cuda"
        stored = max(sum(_padded(info.nbytes) for _, info in layer.values()) for layer in layers)
        held = max(sum(_padded(info.numel * dtype.itemsize) for _, info in layer.values()) for layer in layers)
        self._slots = [
            Slot(
                torch.empty(stored, dtype=torch.uint8, pin_memory=cuda),
                torch.empty(held, dtype=torch.uint8, device=self.device) if cuda else None,
            )
            for _ in range(_SLOTS)
        ]
        self._copies = torch.cuda.Stream(self.device) if cuda else None
        if self._copies is not None:
            # What was freed to make these slots may still be read by what is queued.
            self._copies.wait_stream(torch.cuda.current_stream(self.device))

    def __iter__(self) -> Iterator[Mapping[str, Tensor]]:
        with ExitStack() as stack:
            paths = dict.fromkeys(path for layer in self.layers for path, _ in layer.values())
            files = {path: stack.enter_context(_opened(path)) for path in paths}
            # Declared last, so that it has ended before the files are closed.
            reader = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="layers"))
            coming = reader.submit(self._bring, 0, files)
            for index in range(len(self.layers)):
                weights = coming.result()
                self._await(index)
                if index + 1 < len(self.layers):
                    coming = reader.submit(self._bring, index + 1, files)
                yield weights
                self._release(index)

    def _bring(self, index: int, files: Mapping[Path, FileIO]) -> Mapping[str, Tensor]:
        """Read a layer into its slot; on a card also start its copy."""
        slot = self._slots[index % _SLOTS]
        if slot.copied is not None:
            slot.copied.synchronize()
        stored = {}
        place = 0
        for name, (path, info) in sorted(self.layers[index].items(), key=lambda item: item[1][1].start):
            part = slot.host[place : place + info.nbytes]
            stored[name] = _read(part, files[path], path, info)
            place += _padded(info.nbytes)
        if slot.device is None:
            return {name: tensor.to(self.dtype) for name, tensor in stored.items()}
        return self._copy(slot, stored)

    def _copy(self, slot: Slot, stored: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        assert slot.device is not None
        assert self._copies is not None
        weights, place = {}, 0
        with torch.cuda.stream(self._copies):
            if slot.used is not None:
                self._copies.wait_event(slot.used)
            for name, tensor in stored.items():
                size = tensor.numel() * self.dtype.itemsize
                weights[name] = slot.device[place : place + size].view(self.dtype).view(tensor.shape)
                weights[name].copy_(tensor, non_blocking=True)
                place += _padded(size)
            slot.copied = self._copies.record_event()
        return weights

    def _await(self, index: int) -> None:
        """What is computed from here on waits for the layer's copy, and nothing before does."""
        if self._copies is not None:
            torch.cuda.current_stream(self.device).wait_event(self._slots[index % _SLOTS].copied)

    def _release(self, index: int) -> None:
        if self._copies is not None:
            self._slots[index % _SLOTS].used = torch.cuda.current_stream(self.device).record_event()


class Witness(nn.Module):
    """Stands where a layer would and remembers what the layer is given beside the states."""

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, Any] = {}

    def forward(self, states: Tensor, **given: Any) -> Tensor:
        self.given = given
        return states


class StreamedModel:
    """``model`` is on the meta device but for its buffers; ``sources`` has the place of each of its parameters."""

    def __init__(
        self, model: Any, sources: Mapping[str, Source], *, dtype: torch.dtype, device: torch.device | str
    ) -> None:
        self.dtype, self.device = dtype, torch.device(device)
        self._layers = list(model.layers)
        self._feed_sources = [
            {name: sources[f"layers.{index}.{name}"] for name, _ in layer.named_parameters()}
            for index, layer in enumerate(self._layers)
        ]
        self._table = sources["embed_tokens.weight"]
        self._scale = model.embed_tokens.embed_scale.to(dtype)
        self._witnesses = [Witness() for _ in self._layers]
        model.layers = nn.ModuleList(self._witnesses)
        model.embed_tokens = nn.Identity()
        path, info = sources["norm.weight"]
        with _opened(path) as file:
            norm = _read(torch.empty(info.nbytes, dtype=torch.uint8), file, path, info)
        model.norm.weight = nn.Parameter(norm.to(dtype), requires_grad=False)
        self._frame = model.to(self.device)

    def kept_bytes(self, length: int) -> int:
        """What the hidden states of one prompt take."""
        return length * self._table[1].shape[1] * (len(self._layers) + 1) * self.dtype.itemsize

    @torch.no_grad()
    def states(self, ids_BS: Tensor, mask_BS: Tensor, tell: Tell) -> list[list[Tensor]]:
        """For each prompt its L hidden states ``[1, S, D]`` on the host."""
        now = [states.to(self.device) for states in self._embedded(ids_BS)]
        given = [self._given(states, mask) for states, mask in zip(now, mask_BS, strict=True)]
        found = [[states.cpu()] for states in now]
        for index, weights in enumerate(LayerFeed(self._feed_sources, dtype=self.dtype, device=self.device)):
            layer = self._layers[index]
            now = [
                functional_call(layer, dict(weights), (states,), beside[index])
                for states, beside in zip(now, given, strict=True)
            ]
            last = index + 1 == len(self._layers)
            for kept, states in zip(found, now, strict=True):
                kept.append((self._frame.norm(states) if last else states).cpu())
            if last or (index + 1) % max(1, len(self._layers) // _TOLD) == 0:
                tell(f"layer {index + 1} of {len(self._layers)}")
        return found

    def _given(self, states_1SD: Tensor, mask_S: Tensor) -> list[dict[str, Any]]:
        """What each layer gets beside the states: the model's own forward pass says it."""
        self._frame(inputs_embeds=states_1SD, attention_mask=mask_S[None].to(self.device), use_cache=False)
        return [witness.given for witness in self._witnesses]

    def _embedded(self, ids_BS: Tensor) -> list[Tensor]:
        """Rows of the table, read one by one: a prompt needs few of its 262,208."""
        path, table = self._table
        unique, where_BS = torch.unique(ids_BS, return_inverse=True)
        width = table.nbytes // table.shape[0]
        rows = []
        with _opened(path) as file:
            for start in (table.start + unique * width).tolist():
                row = TensorInfo(table.name, table.dtype, (1, *table.shape[1:]), start, start + width)
                rows.append(_read(torch.empty(width, dtype=torch.uint8), file, path, row))
        known = torch.cat(rows).to(self.dtype) * self._scale
        return [known[row][None] for row in where_BS]


def _padded(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _opened(path: Path) -> FileIO:
    try:
        return FileIO(str(path), "rb")
    except OSError as error:
        raise EnvironmentFault(f"cannot be read: {error.strerror or error}", where=path) from error


def _read(data: Tensor, file: FileIO, path: Path, info: TensorInfo) -> Tensor:
    try:
        return read_into(data, file, path, info)
    except OSError as error:
        raise EnvironmentFault(f"cannot be read: {error.strerror or error}", where=path) from error
