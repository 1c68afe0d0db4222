"""A fingerprint follows the content, not the place."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from schemas.errors import CheckpointError, EnvironmentFault
from tests.support.sparse import write_real
from tests.trainer.files.test_gemma import write_gemma
from trainer.files.fingerprint import file_fingerprint


def test_copies_are_equal_and_changes_are_seen(tmp_path: Path) -> None:
    first = tmp_path / "a.bin"
    content = bytearray(i * 7 % 251 for i in range(3_000_000))
    first.write_bytes(content)
    second = Path(shutil.copy(first, tmp_path / "b.bin"))
    found = file_fingerprint(first)
    assert found == file_fingerprint(second)
    assert len(found) == 32
    content[-1] ^= 1
    second.write_bytes(content)
    assert file_fingerprint(second) != found
    second.write_bytes(bytes([content[0] ^ 1]) + bytes(content[1:]))
    assert file_fingerprint(second) != found


def test_a_real_size_file_takes_no_time_and_headers_matter(tmp_path: Path) -> None:
    dev = file_fingerprint(write_real(tmp_path / "dev", "ltx-2.3-22b"))

    def change(entries: dict[str, object]) -> None:
        metadata = entries["__metadata__"]
        assert isinstance(metadata, dict)
        metadata["model_version"] = "2.3.1"

    assert file_fingerprint(write_real(tmp_path / "other", "ltx-2.3-22b", change)) != dev


def test_text_encoder_directory(tmp_path: Path) -> None:
    first, second = write_gemma(tmp_path / "a"), write_gemma(tmp_path / "b")
    assert file_fingerprint(first) == file_fingerprint(second)
    (second / "tokenizer.json").write_text('{"a": 1}', "utf-8")
    assert file_fingerprint(first) != file_fingerprint(second)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no model files"):
        file_fingerprint(tmp_path)
    with pytest.raises(EnvironmentFault, match="cannot be read"):
        file_fingerprint(tmp_path / "none")
