from __future__ import annotations

import io
import os
import pty
import threading
from pathlib import Path

import pytest
from PIL import Image

from tui.monitor.contact import contact_sheet
from tui.monitor.gallery import Sample
from tui.monitor.graphics import QUESTION, announced, ask, kitty, sixel
from tui.monitor.posters import HALF, RAMP, open_picture, poster


def _picture(width: int = 90, height: int = 60) -> Image.Image:
    picture = Image.new("RGB", (width, height), (200, 0, 0))
    picture.paste((0, 0, 200), (0, height // 2, width, height))
    return picture


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (20, 5), (60, 30), (200, 3)])
@pytest.mark.parametrize("colours", [True, False])
def test_a_poster_keeps_its_shape_and_its_room(columns: int, rows: int, colours: bool) -> None:
    made = poster(_picture(), columns, rows, colours=colours)
    assert len(made.rows) <= rows
    assert 1 <= made.width <= columns
    assert len({len(row) for row in made.rows}) == 1
    if min(columns, rows) > 4:
        assert made.width / (2 * len(made.rows)) == pytest.approx(1.5, rel=0.2)


def test_two_pixels_share_a_cell() -> None:
    made = poster(_picture(4, 2), 4, 1)
    assert made.rows == (((HALF, (200, 0, 0), (0, 0, 200)),) * 4,) or made.width < 4


def test_letters_say_how_bright_it_is() -> None:
    ramp = Image.new("L", (len(RAMP) * 10, 40))
    for x in range(ramp.width):
        ramp.paste(round(255 * x / ramp.width), (x, 0, x + 1, 40))
    made = poster(ramp.convert("RGB"), len(RAMP), 5, colours=False)
    row = "".join(char for char, _, _ in made.rows[0])
    assert [RAMP.index(char) for char in row] == sorted(RAMP.index(char) for char in row)
    assert all(front is None for _, front, _ in made.rows[0])


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG nonsense")
    for path in (tmp_path / "a.png", tmp_path / "none.png", tmp_path):
        with pytest.raises((OSError, ValueError)):
            open_picture(path)


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (b"\x1b_Gi=31;OK\x1b\\\x1b[?62;4c", "kitty"),
        (b"\x1b[?62;4;22c", "sixel"),
        (b"\x1b[?64;14;22c", ""),
        (b"\x1b_Gi=31;ENODATA\x1b\\\x1b[?1;2c", ""),
        (b"", ""),
    ],
)
def test_only_what_the_terminal_announces_counts(answer: bytes, means: str) -> None:
    assert announced(answer) == means


def test_a_terminal_is_asked_and_left_as_it_was() -> None:
    import termios

    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    heard: list[bytes] = []

    def terminal() -> None:
        heard.append(os.read(ours, 200))
        os.write(ours, b"\x1b[?62;4c")

    thread = threading.Thread(target=terminal)
    thread.start()
    assert ask(theirs, seconds=10) == "sixel"
    thread.join()
    assert heard[0].replace(b"\r", b"") == QUESTION
    assert termios.tcgetattr(theirs) == before
    assert ask(theirs, seconds=0.05) == "", "no answer, no graphics"
    os.close(ours)
    os.close(theirs)


def test_kitty_pictures_come_in_chunks_that_join_to_the_file() -> None:
    import base64
    import random

    noise = Image.frombytes("RGB", (80, 80), random.Random(0).randbytes(80 * 80 * 3))
    pieces = kitty(noise, 20, 10).split(b"\x1b\\")[:-1]
    assert len(pieces) > 1
    assert pieces[0].startswith(b"\x1b_Ga=T,f=100,q=2,c=20,r=10,m=1;")
    assert pieces[-1].startswith(b"\x1b_Gm=0;")
    data = base64.standard_b64decode(b"".join(piece.partition(b";")[2] for piece in pieces))
    with Image.open(io.BytesIO(data)) as back:
        assert back.tobytes() == noise.tobytes()


def test_sixels_decode_to_the_picture() -> None:
    picture = _picture(30, 20)
    pixels = _decode_sixel(sixel(picture))
    assert pixels[0][0] == pytest.approx((78, 0, 0), abs=2), "percent"
    assert pixels[19][29] == pytest.approx((0, 0, 78), abs=2)
    assert [len(row) for row in pixels[:20]] == [30] * 20


def _decode_sixel(data: bytes) -> list[list[tuple[int, int, int]]]:
    """An independent reader of what a VT340 is told: 6 rows of pixels per band, a bit per row."""
    import re

    text = data.decode("ascii")
    assert text.startswith("\x1bPq")
    assert text.endswith("\x1b\\")
    width, height = map(int, re.search(r'"1;1;(\d+);(\d+)', text).groups())  # type: ignore[union-attr]
    pixels = [[(-1, -1, -1)] * width for _ in range(-(-height // 6) * 6)]
    palette: dict[int, tuple[int, int, int]] = {}
    x = band = colour = 0
    for token in re.finditer(
        r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)([?-~])|([?-~])|(\$)|(-)", text[text.index('"') + 1 : -2]
    ):
        defined, red, green, blue, chosen, times, repeated, single, back, down = token.groups()
        if defined:
            palette[int(defined)] = (int(red), int(green), int(blue))
        elif chosen:
            colour = int(chosen)
        elif back:
            x = 0
        elif down:
            x, band = 0, band + 1
        else:
            end = x + int(times or 1)
            for bit in range(6):
                if (ord(repeated or single) - 63) >> bit & 1:
                    pixels[band * 6 + bit][x:end] = [palette[colour]] * (end - x)
            x = end
    return pixels


def test_steps_lie_side_by_side_on_one_sheet(tmp_path: Path) -> None:
    samples = []
    for step in (0, 100, 200):
        path = tmp_path / f"{step}.png"
        _picture().save(path)
        samples.append(Sample(0, step, f"{step}.mp4", str(path), "a fox"))
    sheet = contact_sheet(samples, 600, 200)
    assert sheet is not None
    assert sheet.width <= 600
    assert sheet.height <= 200
    assert sheet.getpixel((5, 5)) == (200, 0, 0)
    assert contact_sheet([Sample(0, 1, "x.wav", "", "sound")], 600, 200) is None
