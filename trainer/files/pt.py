"""Looking into ``torch.save`` files without torch and without running what they say.

Such a file is an uncompressed zip archive: a pickle that describes the objects, and one entry of raw bytes per tensor
storage. A pickle is a program: it may name any function to call and any amount of memory to take. The reader here lets
through only what describes tensors in plain data (``pt_pickle``), so nothing in a file can be executed.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from schemas.errors import DataError, EnvironmentFault
from trainer.files.pt_pickle import DAMAGED, ITEM_BYTES, PtTensor, RefusedError, Storage, read_description

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PtTensor", "peek", "read_tensor"]

_MAX_PICKLE: Final = 16 << 20
"""The pickle of a prepared sample takes less than a kilobyte; larger ones are not read."""
_MAX_TENSOR: Final = 1 << 30
_AGAIN: Final = "prepare this sample again"


def peek(path: str | Path) -> Any:
    """The object of a ``torch.save`` file, with each tensor as a PtTensor.

    Raises DataError when the file is cut off, is not a ``torch.save`` file, or asks for code to be run;
    EnvironmentFault when it cannot be read. Storages are checked to be in the file at their full size.
    """
    path = Path(path)
    with _Archive(path) as archive:
        return archive.load()


def read_tensor(path: str | Path, tensor: PtTensor) -> np.ndarray[Any, Any]:
    """The numbers of one tensor of ``peek``'s answer, as an array of its shape; bfloat16 becomes float32.

    The archive's checksum is verified. DataError for damaged data, tensors over 1 GiB and non-contiguous ones.
    """
    import numpy as np

    path = Path(path)
    size = tensor.numel * ITEM_BYTES[tensor.dtype]
    if size > _MAX_TENSOR or not tensor.contiguous:
        raise DataError(f"holds a tensor {list(tensor.shape)} that is too large or not contiguous", where=path)
    with _Archive(path) as archive:
        raw = archive.entry(f"data/{tensor.storage}")
    start = tensor.offset * ITEM_BYTES[tensor.dtype]
    kind = "<u2" if tensor.dtype == "bfloat16" else np.dtype(tensor.dtype).newbyteorder("<")
    found = np.frombuffer(raw, dtype=kind, count=tensor.numel, offset=start)
    if tensor.dtype == "bfloat16":
        found = (found.astype(np.uint32) << 16).view(np.float32)
    return found.reshape(tensor.shape)


class _Archive:
    """One open ``torch.save`` file; a context manager that turns every failure into an error that names the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.zip = zipfile.ZipFile(path)
        except FileNotFoundError as error:
            raise DataError("there is no such file", where=path, hint=_AGAIN) from error
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise DataError(self._not_zip(), where=path, hint=_AGAIN) from error
        except IsADirectoryError as error:
            raise DataError("is a directory, not a .pt file", where=path) from error
        except OSError as error:
            raise EnvironmentFault(f"cannot be read: {error.strerror or error}", where=path) from error
        names = [name for name in self.zip.namelist() if name.endswith("/data.pkl")]
        if len(names) != 1:
            self.zip.close()
            raise DataError("is a zip archive but not a torch.save file", where=path, hint=_AGAIN)
        self.prefix = names[0].removesuffix("data.pkl")

    def __enter__(self) -> _Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.zip.close()

    def _not_zip(self) -> str:
        with self.path.open("rb") as file:
            start = file.read(4)
        if not start:
            return "is empty (0 bytes)"
        if start.startswith(b"PK"):
            return "is cut off or damaged (the end of the archive is missing)"
        if start.startswith(b"\x80"):
            return "was written in torch's old format, which cannot be read safely"
        return "is not a torch.save file"

    def entry(self, name: str) -> bytes:
        """The bytes of one entry, checksum verified."""
        try:
            return self.zip.read(self.prefix + name)
        except (KeyError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise DataError(f"is damaged: {error}", where=self.path, hint=_AGAIN) from error
        except OSError as error:
            raise EnvironmentFault(f"cannot be read: {error.strerror or error}", where=self.path) from error

    def load(self) -> Any:
        for info in self.zip.infolist():
            if info.compress_type != zipfile.ZIP_STORED:
                raise DataError("holds compressed entries, which torch.save never writes", where=self.path, hint=_AGAIN)
        if self.zip.getinfo(self.prefix + "data.pkl").file_size > _MAX_PICKLE:
            raise DataError("describes too many objects for a prepared sample", where=self.path, hint=_AGAIN)
        if self.prefix + "byteorder" in self.zip.namelist() and self.entry("byteorder").strip() != b"little":
            raise DataError("was written on a big-endian machine", where=self.path, hint=_AGAIN)
        description = self.entry("data.pkl")
        try:
            return read_description(description, self._storage)
        except RefusedError as error:
            raise DataError(
                f"asks for {error}; it is refused",
                where=self.path,
                why="a prepared sample holds tensors, numbers and text only; this file may be malicious",
                hint="do not use this file unless you wrote it yourself; prepare the sample again",
            ) from error
        except DAMAGED as error:
            raise DataError(
                f"is damaged: its description cannot be read ({error})", where=self.path, hint=_AGAIN
            ) from error

    def _storage(self, key: str, dtype: str, numel: int) -> Storage:
        try:
            size = self.zip.getinfo(f"{self.prefix}data/{key}").file_size
        except KeyError as error:
            raise ValueError(f"the data of tensor {key} is missing") from error
        if size != numel * ITEM_BYTES[dtype]:
            raise ValueError(f"the data of tensor {key} has {size} bytes for {numel} numbers of {dtype}")
        return Storage(key, dtype, numel)
