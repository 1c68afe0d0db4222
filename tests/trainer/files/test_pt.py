"""Peeking into files that torch really wrote, and into files that mean harm."""

from __future__ import annotations

import collections
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import DataError
from trainer.files.pt import PtTensor, peek, read_tensor

torch.set_num_threads(1)


def saved(path: Path, value: Any) -> Path:
    torch.save(value, path)
    return path


def test_shapes_and_scalars(tmp_path: Path) -> None:
    value = {
        "latents": torch.zeros(128, 7, 18, 18, dtype=torch.bfloat16),
        "num_frames": 7,
        "fps": 24.0,
        "nested": [{"a": (1, None, True, "x")}],
        "size": torch.Size([2, 3]),
        "ordered": collections.OrderedDict(w=torch.ones(2)),
    }
    found = peek(saved(tmp_path / "x.pt", value))
    assert found["latents"].shape == (128, 7, 18, 18)
    assert found["latents"].dtype == "bfloat16"
    assert found["latents"].contiguous
    assert (found["num_frames"], found["fps"]) == (7, 24.0)
    assert found["nested"] == [{"a": (1, None, True, "x")}]
    assert found["size"] == (2, 3)
    assert found["ordered"]["w"].shape == (2,)


@pytest.mark.parametrize(
    "dtype",
    [
        torch.bfloat16,
        torch.float16,
        torch.float32,
        torch.float64,
        torch.bool,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
    ],
)
def test_values_equal_torch(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = (torch.randn(3, 4, generator=torch.Generator().manual_seed(0)) * 3).to(dtype)
    path = saved(tmp_path / "x.pt", {"mask": tensor})
    described = peek(path)["mask"]
    assert f"torch.{described.dtype}" == str(dtype)
    expected = tensor.float().numpy() if dtype == torch.bfloat16 else tensor.numpy()
    assert np.array_equal(read_tensor(path, described), expected)


def test_a_view_into_a_shared_storage(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    path = saved(tmp_path / "x.pt", {"row": base[1], "column": base[:, 1]})
    found = peek(path)
    assert np.array_equal(read_tensor(path, found["row"]), [4, 5, 6, 7])
    assert not found["column"].contiguous
    with pytest.raises(DataError, match="not contiguous"):
        read_tensor(path, found["column"])


class Attack:
    """What a hostile file may hold: an order to call any function."""

    def __init__(self, call: Any, *args: Any) -> None:
        self.order = (call, args)

    def __reduce__(self) -> Any:
        return self.order


def hostile(path: Path, value: Any) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", pickle.dumps(value, protocol=2))
        archive.writestr("x/version", "3")
    return path


def test_hostile_pickles_run_nothing(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    path = hostile(tmp_path / "x.pt", {"latents": Attack(os.mkdir, str(touched))})
    with pytest.raises(DataError, match="asks for") as caught:
        peek(path)
    assert "mkdir" in str(caught.value)
    assert not touched.exists()
    with zipfile.ZipFile(path) as archive:
        pickle.loads(archive.read("x/data.pkl"))
    assert touched.exists(), "the attack must be a real one"


@pytest.mark.parametrize(
    "value",
    [Attack(eval, "1"), Attack(getattr, "x", "upper"), Attack(print, "x"), Attack(__import__, "os"), torch.nn.ReLU()],
)
def test_everything_outside_the_list_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(DataError, match="refused"):
        peek(hostile(tmp_path / "x.pt", value))


def test_a_pickle_cannot_reserve_memory(tmp_path: Path) -> None:
    """A memo place of two thousand million would make the reader take tens of gigabytes."""
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02}r\xff\xff\xff\x7f.")
    with pytest.raises(DataError, match="memo place"):
        peek(tmp_path / "x.pt")


def test_every_cut_is_an_error(tmp_path: Path) -> None:
    whole = saved(tmp_path / "x.pt", {"latents": torch.randn(4, 4), "fps": 24.0}).read_bytes()
    cut = tmp_path / "cut.pt"
    for size in range(0, len(whole), 37):
        cut.write_bytes(whole[:size])
        with pytest.raises(DataError):
            peek(cut)


def test_missing_and_wrong_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        peek(tmp_path / "none.pt")
    with pytest.raises(DataError, match="is a directory"):
        peek(tmp_path)
    (tmp_path / "text.pt").write_text("hello", "utf-8")
    with pytest.raises(DataError, match=r"not a torch\.save file"):
        peek(tmp_path / "text.pt")
    torch.save({"a": 1}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(DataError, match="old format"):
        peek(tmp_path / "old.pt")
    with zipfile.ZipFile(tmp_path / "zip.pt", "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(DataError, match="zip archive but not"):
        peek(tmp_path / "zip.pt")


def test_compressed_archives_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", pickle.dumps({"a": 1}, protocol=2))
    with pytest.raises(DataError, match="compressed"):
        peek(tmp_path / "x.pt")


def rewritten(path: Path, change: Any) -> Path:
    """The same archive with some entries changed (None: removed)."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            kept = change(name, content)
            if kept is not None:
                archive.writestr(name, kept)
    return path


def test_missing_or_short_storage(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.pt", {"a": torch.zeros(4)})
    rewritten(path, lambda name, content: None if name.endswith("data/0") else content)
    with pytest.raises(DataError, match="data of tensor 0 is missing"):
        peek(path)
    path = saved(tmp_path / "y.pt", {"a": torch.zeros(4)})
    rewritten(path, lambda name, content: content[:-4] if name.endswith("data/0") else content)
    with pytest.raises(DataError, match="12 bytes for 4 numbers"):
        peek(path)


def test_a_flipped_bit_is_found_by_the_checksum(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.pt", {"a": torch.ones(1000)})
    described = peek(path)["a"]
    content = bytearray(path.read_bytes())
    place = content.find(np.ones(8, np.float32).tobytes())
    content[place + 2] ^= 4
    path.write_bytes(content)
    with pytest.raises(DataError, match="CRC"):
        read_tensor(path, described)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_descriptions_never_raise_anything_else(tmp_path: Path, data: st.DataObject) -> None:
    path = saved(tmp_path / "x.pt", {"latents": torch.zeros(2, 3), "fps": 24.0, "names": ["a", "b"]})

    def change(name: str, content: bytes) -> bytes:
        if not name.endswith("data.pkl"):
            return content
        damaged = bytearray(content)
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        return bytes(damaged)

    rewritten(path, change)
    try:
        peek(path)
    except DataError:
        return


def test_contiguous() -> None:
    assert PtTensor((2, 1, 3), "float32", "0", 0, (3, 99, 1)).contiguous
    assert not PtTensor((2, 3), "float32", "0", 0, (1, 2)).contiguous
    assert PtTensor((), "float32", "0", 0, ()).contiguous
