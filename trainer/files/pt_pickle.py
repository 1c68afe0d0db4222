"""The pickle inside a ``torch.save`` file, read as a description and not as the program it is.

A pickle may name any function to call and any amount of memory to take. Let through are only the instructions that
build plain data, and only four names: tensor rebuilding, storage types, ``OrderedDict`` and ``torch.Size``.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_DTYPES: Final[Mapping[str, tuple[str, int]]] = {
    "BFloat16Storage": ("bfloat16", 2),
    "HalfStorage": ("float16", 2),
    "FloatStorage": ("float32", 4),
    "DoubleStorage": ("float64", 8),
    "BoolStorage": ("bool", 1),
    "ByteStorage": ("uint8", 1),
    "CharStorage": ("int8", 1),
    "ShortStorage": ("int16", 2),
    "IntStorage": ("int32", 4),
    "LongStorage": ("int64", 8),
}
ITEM_BYTES: Final[Mapping[str, int]] = dict(_DTYPES.values())
_INSTRUCTIONS: Final = frozenset(
    {
        "PROTO",
        "FRAME",
        "STOP",
        "MARK",
        "POP",
        "POP_MARK",
        "NONE",
        "NEWTRUE",
        "NEWFALSE",
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "FLOAT",
        "BINFLOAT",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "EMPTY_DICT",
        "SETITEM",
        "SETITEMS",
        "EMPTY_LIST",
        "APPEND",
        "APPENDS",
        "EMPTY_TUPLE",
        "TUPLE",
        "TUPLE1",
        "TUPLE2",
        "TUPLE3",
        "BINPUT",
        "LONG_BINPUT",
        "MEMOIZE",
        "BINGET",
        "LONG_BINGET",
        "GLOBAL",
        "STACK_GLOBAL",
        "REDUCE",
        "BINPERSID",
    }
)
"""What the pickle of tensors in lists and dicts consists of; REDUCE calls only what ``find_class`` returned."""

DAMAGED: Final = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    OverflowError,
    MemoryError,
    RecursionError,
)
"""What the pickle machine raises on bytes that are not a sound pickle."""


@dataclass(frozen=True, slots=True)
class PtTensor:
    """A tensor's description; its numbers stay in the file."""

    shape: tuple[int, ...]
    dtype: str
    """Torch's name without the prefix: ``bfloat16``, ``int64``, ..."""
    storage: str
    offset: int
    """In elements, into the storage."""
    stride: tuple[int, ...]

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def contiguous(self) -> bool:
        expected = 1
        for side, step in zip(reversed(self.shape), reversed(self.stride), strict=True):
            if side != 1 and step != expected:
                return False
            expected *= side
        return True


@dataclass(frozen=True, slots=True)
class Storage:
    key: str
    dtype: str
    numel: int


class RefusedError(Exception):
    """The pickle asks for something outside the allow-list."""


def read_description(description: bytes, storage: Callable[[str, str, int], Storage]) -> Any:
    """The object a pickle describes, each tensor as a PtTensor; ``storage`` checks (key, dtype, numel) of its data.

    Raises RefusedError for anything outside the allow-list and one of DAMAGED for bytes that are no sound pickle.
    """
    _check_instructions(description)
    return _Unpickler(description, storage).load()


def _check_instructions(description: bytes) -> None:
    """Refuse other instructions, and memo places that a short pickle cannot need (they would reserve gigabytes)."""
    for instruction, argument, _ in pickletools.genops(description):
        if instruction.name not in _INSTRUCTIONS:
            raise RefusedError(f"the pickle instruction {instruction.name}")
        if instruction.name == "LONG_BINPUT" and int(argument or 0) > len(description):
            raise ValueError("a memo place beyond its length")


def _rebuild(storage: object, offset: object, size: object, stride: object, *_: object) -> PtTensor:
    """Stands for ``torch._utils._rebuild_tensor_v2``: keeps the description, checks that it lies inside the storage."""
    if not isinstance(storage, Storage) or not isinstance(offset, int) or offset < 0:
        raise ValueError("a tensor without a storage")
    shape, steps = _sizes(size), _sizes(stride)
    if len(shape) != len(steps):
        raise ValueError("a tensor whose shape and stride differ in length")
    last = sum((side - 1) * step for side, step in zip(shape, steps, strict=True))
    if math.prod(shape) and offset + last >= storage.numel:
        raise ValueError("a tensor that reaches beyond its data")
    return PtTensor(shape, storage.dtype, storage.key, offset, steps)


def _sizes(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple) or not all(isinstance(side, int) and 0 <= side < 2**62 for side in value):
        raise ValueError("a tensor with an impossible shape")
    return value


class _Unpickler(pickle.Unpickler):
    """Knows the few names of a tensor pickle and no other."""

    def __init__(self, data: bytes, storage: Callable[[str, str, int], Storage]) -> None:
        super().__init__(io.BytesIO(data))
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch", "Size"):
            return tuple
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name][0])
        raise RefusedError(f"'{module}.{name}'")

    def persistent_load(self, pid: Any) -> Any:
        kind, storage_type, key, _location, numel = pid
        if kind != "storage" or not isinstance(storage_type, _StorageType) or not isinstance(numel, int):
            raise pickle.UnpicklingError("an unknown kind of reference")
        return self._storage(str(key), storage_type.dtype, numel)


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: str
