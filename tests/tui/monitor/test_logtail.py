from __future__ import annotations

from pathlib import Path

import pytest

from tui.monitor.logtail import LOG_BYTES, LOG_LINES, LogLine, LogTail, found_at, level_of, matching


def test_the_log_shows_what_a_person_would_see(tmp_path: Path) -> None:
    path = tmp_path / "trainer.log"
    tail = LogTail(path)
    assert not tail.poll()
    path.write_bytes(b"one\n 10%\r 20%\r 30%\r\n\x1b[31mred\x1b[0m [b]plain[/b]\x07\nhal")
    assert tail.poll()
    assert [line.text for line in tail.lines] == ["one", " 30%", "red [b]plain[/b] "]
    with path.open("ab") as file:
        file.write("f ü".encode()[:-1])
    tail.poll()
    with path.open("ab") as file:
        file.write("ü".encode()[1:] + b"\n")
    tail.poll()
    assert tail.lines[-1].text == "half ü", "a line cut inside a character is put together again"


def test_a_huge_log_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "trainer.log"
    path.write_text("".join(f"line {number}\n" for number in range(200_000)))
    tail = LogTail(path)
    tail.poll()
    assert tail.lines[-1].text == "line 199999"
    assert len(tail.lines) <= LOG_LINES
    path.write_text("new\n")
    tail.poll()
    assert tail.lines[-1].text == "new"


def test_a_log_that_was_rotated_or_grew_by_much_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "trainer.log"
    path.write_text("one\n" * 50)
    tail = LogTail(path)
    tail.poll()
    path.rename(tmp_path / "trainer.log.1")
    path.write_text("two\n" * 60)  # longer than the old one, so that only the file itself tells
    tail.poll()
    assert [line.text for line in tail.lines][-60:] == ["two"] * 60
    with path.open("a") as file:
        file.write("x" * 99 + "\n" + "three\n" * (LOG_BYTES // 3))
    tail.poll()
    assert tail.lines[-1].text == "three"
    assert len(tail.lines) <= LOG_LINES


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "trainer.log"
    tail = LogTail(path)
    path.write_bytes(b"\xff" * 300_000)
    tail.poll()
    with path.open("ab") as file:
        file.write(b"\x1b[2J" * 20_000 + b"\nend\n")
    tail.poll()
    assert [line.text for line in tail.lines][-1] == "end"
    assert all(len(line.text) <= 4000 and "\x1b" not in line.text for line in tail.lines)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("step 3/40  loss 0.2  error", 0),
        ("loading the transformer", 0),
        ("warning: only 3 GB left", 1),
        ("UserWarning: deprecated", 1),
        ("error: the checkpoint is damaged", 2),
        ("Error", 2),
        ("torch.OutOfMemoryError: CUDA out of memory", 2),
        ("Traceback (most recent call last):", 2),
    ],
)
def test_levels(text: str, level: int) -> None:
    assert level_of(text) == level


def test_a_traceback_is_an_error_down_to_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "trainer.log"
    path.write_text('Traceback (most recent call last):\n  File "a.py"\n    boom()\nValueError: no\nstep 1/2 \n')
    tail = LogTail(path)
    tail.poll()
    assert [line.level for line in tail.lines] == [2, 2, 2, 2, 0]
    assert len(matching(tail.lines, 2)) == 4


def test_searching_heeds_capitals_only_when_there_are_some() -> None:
    lines = [LogLine("Loss is NaN"), LogLine("loss 0.2"), LogLine("nothing")]
    assert found_at(lines, "loss") == [0, 1]
    assert found_at(lines, "Loss") == [0]
    assert found_at(lines, "") == []
