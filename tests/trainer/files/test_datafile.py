"""Dataset files: formats, roles, errors with their line, and names that collide."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import DataError
from trainer.files.datafile import Rows, read_rows


def table(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def fails(path: Path, text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        read_rows(table(path, text))
    return caught.value


CSV = 'video,caption\na.mp4,"a cat, sleeping"\nsub/b.mp4,a dog\n'
JSON = json.dumps(
    [{"video": "a.mp4", "caption": "a cat, sleeping"}, {"video": "sub/b.mp4", "caption": "a dog"}], indent=2
)
JSONL = '{"video": "a.mp4", "caption": "a cat, sleeping"}\n\n{"video": "sub/b.mp4", "caption": "a dog"}\n'


@pytest.mark.parametrize(
    ("name", "text", "lines"), [("d.csv", CSV, (2, 3)), ("d.json", JSON, (2, 6)), ("d.jsonl", JSONL, (1, 3))]
)
def test_formats(tmp_path: Path, name: str, text: str, lines: tuple[int, int]) -> None:
    rows = read_rows(table(tmp_path / name, text))
    assert rows.columns == ("video", "caption")
    assert rows.roles == {"video": "video", "caption": "caption"}
    assert tuple(row.line for row in rows.rows) == lines
    assert [rows.text(row, "caption") for row in rows.rows] == ["a cat, sleeping", "a dog"]
    assert [str(rows.output_name(row)) for row in rows.rows] == ["a.pt", "sub/b.pt"]
    assert rows.media(rows.rows[1], "video") == tmp_path / "sub/b.mp4"


def test_byte_order_mark_and_line_breaks_in_captions(tmp_path: Path) -> None:
    rows = read_rows(table(tmp_path / "d.csv", '\ufeffvideo,caption\r\na.mp4,"two\r\nlines"\r\nb.mp4,x\r\n'))
    assert rows.columns == ("video", "caption")
    assert [row.line for row in rows.rows] == [2, 4]


def test_aliases_and_all_roles(tmp_path: Path) -> None:
    names = "media_path,ref_media_path,audio,reference_audio,video_mask,audio_mask,caption,note"
    rows = read_rows(table(tmp_path / "d.csv", names + "\n" + ",".join("abcdefgh") + "\n"))
    assert rows.roles == {
        "video": "media_path",
        "reference_video": "ref_media_path",
        "audio": "audio",
        "reference_audio": "reference_audio",
        "video_mask": "video_mask",
        "audio_mask": "audio_mask",
        "caption": "caption",
    }


def test_named_columns(tmp_path: Path) -> None:
    path = table(tmp_path / "d.csv", "video,clip,text\nv,a.mp4,hello\n")
    rows = read_rows(path, caption_column="text", video_column="clip")
    assert rows.roles == {"caption": "text", "video": "clip"}
    with pytest.raises(DataError, match="has no column 'words'"):
        read_rows(path, caption_column="words")


def test_audio_names_the_files_when_there_is_no_video(tmp_path: Path) -> None:
    rows = read_rows(table(tmp_path / "d.csv", "audio,caption\ns/a.wav,x\n"))
    assert (rows.main_role, str(rows.output_name(rows.rows[0]))) == ("audio", "s/a.pt")


def test_media_outside_are_mirrored(tmp_path: Path) -> None:
    home = tmp_path / "set"
    home.mkdir()
    rows = read_rows(table(home / "d.csv", f"video,caption\n../x/a.mp4,x\n{tmp_path}/y/b.mp4,y\nsub/../c.mp4,z\n"))
    below = str(tmp_path).lstrip("/")
    assert [str(rows.output_name(row)) for row in rows.rows] == [f"{below}/x/a.pt", f"{below}/y/b.pt", "c.pt"]


def test_collisions(tmp_path: Path) -> None:
    rows = read_rows(table(tmp_path / "d.csv", "video,caption\na.mp4,1\na.mov,2\nb.mp4,3\nx/../a.mp4,4\n"))
    assert [(found.name, found.lines) for found in rows.collisions()] == [("a.pt", (2, 3, 5))]


@pytest.mark.parametrize(
    ("name", "text", "line", "expected"),
    [
        ("d.csv", "video,caption\na.mp4,a cat, sleeping\n", 2, "3 columns, the header has 2"),
        ("d.csv", 'video,caption\na.mp4,x\nb.mp4,"open\n', 3, "not sound CSV"),
        ("d.csv", "video,caption,video\n", 1, "column 'video' twice"),
        ("d.csv", "", None, "no rows"),
        ("d.csv", "video,caption\n", None, "no rows"),
        ("d.csv", "video,text\na,b\n", None, "no caption column"),
        ("d.csv", "clip,caption\na,b\n", None, "neither a video nor an audio column"),
        ("d.csv", "video,media_path,caption\na,b,c\n", None, "two columns for video"),
        ("d.jsonl", '{"video": "a", "caption": "b"}\n{"video": }\n', 2, "not JSON"),
        ("d.jsonl", "[1]\n", 1, "not an object"),
        ("d.json", '{"video": "a"}', None, "not a JSON list"),
        ("d.json", '[\n{"video": "a", "caption": "b"}\n{"video": "c"}]', 3, "comma"),
        ("d.json", '[\n{"video": "a", "caption": "b"},\n{"video": "c",\n "caption": }]', 4, "not JSON"),
        ("d.json", "[\n1]", 2, "not an object"),
        ("d.json", "[", 1, "not JSON"),
        ("d.txt", "x", None, "not a dataset file"),
    ],
)
def test_errors_name_their_line(tmp_path: Path, name: str, text: str, line: int | None, expected: str) -> None:
    error = fails(tmp_path / name, text)
    assert expected in str(error)
    assert error.where.line == line


def values(rows: Rows, role: str) -> list[str]:
    return [rows.text(row, role) for row in rows.rows]


def test_rows_that_lack_a_value(tmp_path: Path) -> None:
    rows = read_rows(table(tmp_path / "d.jsonl", '{"video": "a", "caption": "b"}\n{"caption": "c"}\n'))
    assert values(rows, "caption") == ["b", "c"]
    with pytest.raises(DataError, match="this row has no 'video'") as caught:
        values(rows, "video")
    assert caught.value.where.line == 2
    rows = read_rows(table(tmp_path / "e.jsonl", '{"video": 3, "caption": ""}\n'))
    assert values(rows, "caption") == [""]
    with pytest.raises(DataError, match="has 3 as 'video'"):
        values(rows, "video")


def test_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_bytes(b"video,caption\na.mp4,caf\xe9\n")
    with pytest.raises(DataError, match="not UTF-8") as caught:
        read_rows(tmp_path / "d.csv")
    assert caught.value.where.line == 2


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such dataset file"):
        read_rows(tmp_path / "none.csv")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from([("d.csv", CSV), ("d.json", JSON), ("d.jsonl", JSONL)]))
def test_damaged_files_never_raise_anything_else(tmp_path: Path, data: st.DataObject, kind: tuple[str, str]) -> None:
    name, text = kind
    content = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        rows = read_rows(tmp_path / name)
        rows.collisions()
    except DataError:
        return
    assert rows.rows
