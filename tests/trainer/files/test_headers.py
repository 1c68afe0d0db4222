"""Headers: real ones are read, and each way a file can be wrong is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import CheckpointError
from tests.support.sparse import real_entries, real_names, write_real, write_sparse
from trainer.files.headers import MAX_HEADER_BYTES, read_header

PLAIN = {"a": ["F32", [2, 3]], "b": ["BF16", [4]]}


def raw(path: Path, header: str | bytes, data: int = 0) -> Path:
    """A file with exactly this header text and ``data`` bytes after it."""
    text = header.encode() if isinstance(header, str) else header
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(data))
    return path


def entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_offsets_are_places_in_the_file(tmp_path: Path) -> None:
    path = write_sparse(tmp_path / "x.safetensors", {"__metadata__": {"k": "v"}, **PLAIN})
    header = read_header(path)
    assert header.metadata == {"k": "v"}
    first, second = header.tensors["a"], header.tensors["b"]
    assert (first.dtype, first.shape, first.numel, first.nbytes) == ("F32", (2, 3), 6, 24)
    assert first.end == second.start
    assert second.end == header.size == path.stat().st_size


def test_agrees_with_the_safetensors_library(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"w": np.arange(6, dtype=np.float32).reshape(2, 3)}, tmp_path / "x.safetensors", metadata={"a": "b"})
    header = read_header(tmp_path / "x.safetensors")
    info = header.tensors["w"]
    bytes_of_w = (tmp_path / "x.safetensors").read_bytes()[info.start : info.end]
    assert np.array_equal(np.frombuffer(bytes_of_w, np.float32).reshape(info.shape), np.arange(6).reshape(2, 3))


@pytest.mark.parametrize("name", real_names())
def test_real_headers_at_full_size(tmp_path: Path, name: str) -> None:
    path = write_real(tmp_path, name)
    header = read_header(path)
    entries = real_entries(name)
    assert header.metadata == entries.pop("__metadata__")
    assert {k: [v.dtype, list(v.shape)] for k, v in header.tensors.items()} == entries
    assert path.stat().st_blocks * 512 < 2_000_000


def test_published_sizes_of_2_5(tmp_path: Path) -> None:
    """Size without header, from the published byte sizes and header lengths."""
    published = {
        "ltx-2.5-22b-transformer": 42_018_190_584 - 677_616 - 8,
        "ltx-2.5-22b-video-vae": 1_472_223_346 - 81_544 - 8,
        "ltx-2.5-22b-video-vae-conv": 1_452_269_922 - 57_464 - 8,
        "ltx-2.5-22b-audio-vae": 364_866_540 - 199_664 - 8,
        "ltx-2.5-22b-text-encoder": 26_263_858_182 - 83_880 - 8,
    }
    for name, size in published.items():
        header = read_header(write_real(tmp_path, name))
        assert sum(info.nbytes for info in header.tensors.values()) == size, name


WRONG_FILES = {
    "empty": (b"", "empty"),
    "git-lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 42\n", "git lfs pull"),
    "gguf": (b"GGUF\x03\0\0\0" + bytes(100), "GGUF"),
    "zip": (b"PK\x03\x04" + b"x" * 100, "torch.save"),
    "pickle": (b"\x80\x02}q\x00X\x05\0\0\0model" + bytes(90), "pickle"),
    "web page": (b"<!DOCTYPE html><html>not found</html>", "web page"),
    "index": (b'{"weight_map": {}, "metadata": {}}', "JSON text"),
    "zeros": (bytes(4096), "zeros"),
    "short": (b"abc", "is not a safetensors file"),
    "text": (b"hello, this is a readme with some text in it", "is not a safetensors file"),
    "giant length": ((MAX_HEADER_BYTES + 1).to_bytes(8, "little") + b"{" * 50, "is not a safetensors file"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_files_are_named(tmp_path: Path, name: str) -> None:
    content, expected = WRONG_FILES[name]
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        read_header(path)
    assert expected in str(caught.value)
    assert caught.value.where.path == path
    assert caught.value.hint


def test_a_header_of_640_bytes_is_not_taken_for_a_pickle(tmp_path: Path) -> None:
    """Its length, 0x0280, is what a pickle starts with."""
    text = json.dumps({"a": entry("U8", [0], 0, 0)}).ljust(640)
    assert list(read_header(raw(tmp_path / "x.safetensors", text)).tensors) == ["a"]


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        read_header(tmp_path / "none.safetensors")
    write_sparse(tmp_path / "a.safetensors", PLAIN)
    with pytest.raises(CheckpointError, match="is a directory") as caught:
        read_header(tmp_path)
    assert "a.safetensors" in caught.value.hint


@pytest.mark.parametrize("missing", [1, 1000, 40_000_000_000])
def test_truncated_real_file_says_what_is_missing(tmp_path: Path, missing: int) -> None:
    path = write_real(tmp_path, "ltx-2.3-22b")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - missing)
    with pytest.raises(CheckpointError, match="is cut off") as caught:
        read_header(path)
    assert f"{missing:,} bytes are missing" in caught.value.why


def test_truncated_inside_the_header(tmp_path: Path) -> None:
    path = write_sparse(tmp_path / "x.safetensors", PLAIN)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(CheckpointError, match="header alone"):
        read_header(path)


def test_trailing_bytes(tmp_path: Path) -> None:
    path = write_sparse(tmp_path / "x.safetensors", PLAIN)
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(CheckpointError, match="4 bytes that its header does not list"):
        read_header(path)


BAD_HEADERS: dict[str, tuple[str | bytes, str]] = {
    "not json": ("{" + "x" * 20, "JSON"),
    "not utf-8": (b'{"\xff": 1}', "JSON"),
    "deep": ('{"a": ' + "[" * 100_000, "nested too deeply"),
    "nan": ('{"a": NaN}', "NaN"),
    "twice": (
        f'{{"a": {json.dumps(entry("U8", [1], 0, 1))}, "a": {json.dumps(entry("U8", [1], 0, 1))}}}',
        "stands twice",
    ),
    "metadata": ('{"__metadata__": {"a": 1}}', "__metadata__"),
    "no dtype": ('{"a": {"shape": [1], "data_offsets": [0, 4]}}', "exactly dtype"),
    "dtype": (json.dumps({"a": entry("F33", [1], 0, 4)}), "unknown dtype 'F33'"),
    "dtype type": (json.dumps({"a": {**entry("F32", [1], 0, 4), "dtype": ["F32"]}}), "unknown dtype"),
    "negative shape": (json.dumps({"a": entry("F32", [-1], 0, 4)}), "impossible shape"),
    "bool shape": ('{"a": {"dtype": "F32", "shape": [true], "data_offsets": [0, 4]}}', "impossible shape"),
    "offsets": (json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}), "data_offsets"),
    "backwards": (json.dumps({"a": entry("F32", [1], 4, 0)}), "do not hold"),
    "size": (json.dumps({"a": entry("F32", [2], 0, 4)}), "do not hold"),
    "overlap": (json.dumps({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 2, 6)}), "overlaps"),
    "gap": (json.dumps({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 8, 12)}), "leaves a gap"),
    "out of range": (json.dumps({"a": entry("F32", [1000], 0, 4000)}), "is cut off"),
    "big number": ('{"a": ' + "9" * 5000 + "}", "JSON"),
}


@pytest.mark.parametrize("name", BAD_HEADERS)
def test_damaged_headers(tmp_path: Path, name: str) -> None:
    header, expected = BAD_HEADERS[name]
    path = raw(tmp_path / "x.safetensors", header, data=12)
    with pytest.raises(CheckpointError) as caught:
        read_header(path)
    assert expected in str(caught.value)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_give_a_header_or_a_checkpoint_error(tmp_path: Path, data: st.DataObject) -> None:
    path = write_sparse(tmp_path / "x.safetensors", {"__metadata__": {"k": "v"}, **PLAIN})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        header = read_header(path)
    except CheckpointError:
        return
    assert max((info.end for info in header.tensors.values()), default=header.size) == header.size
