"""The pictures of one sample at several steps on one sheet, and its way onto a terminal that can show it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tui.monitor.gallery import Sample
from tui.monitor.graphics import CELL, ask, kitty, sixel
from tui.monitor.posters import open_picture

if TYPE_CHECKING:
    from PIL.Image import Image

GAP: Final = 8
LARGEST: Final = 2
"""Times its own size that a picture is drawn at most."""


def contact_sheet(samples: Sequence[Sample], width: int, height: int) -> Image | None:
    """Posters side by side, each with its step under it, as large as fits; None when no picture can be read."""
    from PIL import Image, ImageDraw, ImageFont

    found = []
    for sample in samples:
        try:
            found.append((sample, open_picture(Path(sample.poster))))
        except (OSError, ValueError):
            continue
    if not found:
        return None
    font = ImageFont.load_default(16)
    label = 24
    across = sum(picture.width / picture.height for _, picture in found)
    largest = LARGEST * max(picture.height for _, picture in found)  # more pixels would only be more bytes
    tall = max(16, min(height - label, largest, int((width - GAP * (len(found) - 1)) / across)))
    sheet = Image.new("RGB", (width, tall + label), "black")
    draw, left = ImageDraw.Draw(sheet), 0
    for sample, picture in found:
        wide = max(1, round(picture.width / picture.height * tall))
        sheet.paste(picture.resize((wide, tall), Image.Resampling.LANCZOS), (left, 0))
        draw.text((left, tall + 4), f"step {sample.step}", fill="white", font=font)
        left += wide + GAP
    return sheet.crop((0, 0, max(1, min(width, left - GAP)), tall + label))


def show_full(samples: Sequence[Sample], words: str) -> str:
    """Draw on the controlling terminal, wait for a key, and leave it clean. Returns a complaint, or an empty text.

    Only for while nobody else draws there.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return "there is no terminal to draw on"
    try:
        means = ask(terminal)
        if not means:
            return "this terminal announces neither kitty graphics nor sixel"
        columns, rows, width, height = _size(terminal)
        sheet = contact_sheet(samples, width, height - 3 * (height // rows))
        if sheet is None:
            return "no picture of this sample can be read"
        cells = (max(1, round(sheet.width * columns / width)), max(1, round(sheet.height * rows / height)))
        picture = kitty(sheet, *cells) if means == "kitty" else sixel(sheet)
        text = f"\x1b[2J\x1b[H{words[: columns - 1]}\r\n".encode()
        _write(terminal, text + picture + b"\r\nany key goes back")
        _wait_for_key(terminal)
        _write(terminal, (b"\x1b_Ga=d,q=2\x1b\\" if means == "kitty" else b"") + b"\x1b[2J\x1b[H")
    except OSError as error:
        return f"the picture cannot be drawn: {error}"
    finally:
        os.close(terminal)
    return ""


def _size(terminal: int) -> tuple[int, int, int, int]:
    """Columns, rows, and the pixels of both."""
    import fcntl
    import struct
    import termios

    rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(terminal, termios.TIOCGWINSZ, b"\0" * 8))
    rows, columns = rows or 24, columns or 80
    return columns, rows, width or columns * CELL[0], height or rows * CELL[1]


def _write(terminal: int, data: bytes) -> None:
    while data:
        data = data[os.write(terminal, data) :]


def _wait_for_key(terminal: int) -> None:
    import termios
    import tty

    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        os.read(terminal, 1)
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
