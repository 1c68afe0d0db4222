"""Pictures in full quality for terminals that announce kitty graphics or sixel.

What a terminal can do is asked of the terminal, never guessed from its name: both questions go out together with one
that every terminal answers (the primary device attributes), whose answer ends the waiting.
"""

from __future__ import annotations

import base64
import io
import os
import re
import select
import termios
import time
import tty
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

QUESTION: Final = b"\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c"
ANSWER: Final = re.compile(rb"\x1b\[\?([\d;]*)c")
CHUNK: Final = 4096
SIXEL_COLOURS: Final = 255
CELL: Final = (8, 16)
"""Pixels of a cell where the terminal does not say."""


def ask(descriptor: int, seconds: float = 1.0) -> str:
    """``kitty``, ``sixel`` or an empty text: what the terminal behind ``descriptor`` announces."""
    try:
        before = termios.tcgetattr(descriptor)
    except termios.error:
        return ""
    try:
        tty.setcbreak(descriptor)
        os.write(descriptor, QUESTION)
        return announced(_answer(descriptor, seconds))
    except OSError:
        return ""
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


def _answer(descriptor: int, seconds: float) -> bytes:
    deadline, data = time.monotonic() + seconds, b""
    while ANSWER.search(data) is None and (left := deadline - time.monotonic()) > 0:
        if select.select([descriptor], [], [], left)[0]:
            data += os.read(descriptor, 1024)
    return data


def announced(answer: bytes) -> str:
    """What the answer to QUESTION says."""
    if b"\x1b_Gi=31;OK" in answer:
        return "kitty"
    attributes = ANSWER.search(answer)
    return "sixel" if attributes is not None and b"4" in attributes[1].split(b";") else ""


def kitty(picture: Image, columns: int, rows: int) -> bytes:
    """A picture of ``columns`` x ``rows`` cells at the cursor, by the kitty graphics protocol."""
    file = io.BytesIO()
    picture.save(file, format="PNG")
    data = base64.standard_b64encode(file.getvalue())
    pieces = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    written = []
    for number, piece in enumerate(pieces):
        keys = f"a=T,f=100,q=2,c={columns},r={rows}," if number == 0 else ""
        written.append(f"\x1b_G{keys}m={int(number < len(pieces) - 1)};".encode() + piece + b"\x1b\\")
    return b"".join(written)


def sixel(picture: Image) -> bytes:
    """A picture at the cursor as sixels: six rows of pixels at a time, colour by colour."""
    reduced = picture.convert("RGB").quantize(SIXEL_COLOURS)
    width, height = reduced.size
    palette = (reduced.getpalette() or [])[: 3 * SIXEL_COLOURS]
    pixels = reduced.tobytes()
    written = [f'\x1bPq"1;1;{width};{height}']
    for colour in range(len(palette) // 3):
        red, green, blue = (round(value * 100 / 255) for value in palette[colour * 3 : colour * 3 + 3])
        written.append(f"#{colour};2;{red};{green};{blue}")
    for top in range(0, height, 6):
        bands: dict[int, bytearray] = {}
        for bit, y in enumerate(range(top, min(top + 6, height))):
            for x, colour in enumerate(pixels[y * width : (y + 1) * width]):
                if colour not in bands:
                    bands[colour] = bytearray(width)
                bands[colour][x] |= 1 << bit
        written.append("$".join(f"#{colour}{_packed(bits)}" for colour, bits in sorted(bands.items())) + "-")
    written.append("\x1b\\")
    return "".join(written).encode("ascii")


def _packed(bits: bytes | bytearray) -> str:
    """Sixel characters with repetitions counted."""
    parts: list[str] = []
    for run in re.finditer(rb"(?s)(.)\1*", bytes(bits)):
        length, char = len(run[0]), chr(63 + run[1][0])
        parts.append(f"!{length}{char}" if length > 3 else char * length)
    return "".join(parts)
