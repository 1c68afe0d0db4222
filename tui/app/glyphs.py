"""Every sign the program draws, and the letter that stands for it where only ASCII can be shown."""

from __future__ import annotations

from typing import Final

SIGNS: Final[dict[str, str]] = {
    "─": "-", "│": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "┌": "+", "┐": "+", "└": "+", "┘": "+",
    "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+", "━": "=", "┃": "|", "╌": "-", "┄": "-", "┊": ":",
    "●": "*", "○": "o", "◌": "o", "◆": "*", "◇": "o", "■": "#", "□": "o", "▪": "*", "•": "*", "·": ".",
    "✖": "x", "✗": "x", "✘": "x", "✔": "v", "✓": "v", "←": "<", "→": ">", "↑": "^", "↓": "v", "↔": "=", "⇒": ">",
    "…": "~", "⏎": "/", "⏸": "=", "▶": ">", "◀": "<", "▸": ">", "▾": "v", "▲": "^", "▼": "v", "▴": "^",
    "»": ">", "«": "<",
    "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": "|", "▎": "|", "▏": "|", "▐": "#", "▀": "\"", "▄": "_",
    "▁": "_", "▂": "_", "▃": "_", "▅": "=", "▆": "#", "▇": "#", "░": ".", "▒": ":", "▓": "#", "▔": "\"", "▕": "|",
    "×": "x", "±": "~", "–": "-", "—": "-", "≤": "<", "≥": ">", "≈": "~", "°": "o", "µ": "u", "‘": "'", "’": "'",
    "“": '"', "”": '"', "\u00a0": " ",
}  # fmt: skip
"""One cell each, so that nothing moves."""
DOTS: Final = " .:;+*%#@"
"""What stands for a braille cell with none to eight dots."""


def _table() -> dict[int, str]:
    braille = {0x2800 + bits: DOTS[bits.bit_count()] for bits in range(256)}
    return {**braille, **{ord(sign): letter for sign, letter in SIGNS.items()}}


TABLE: Final = _table()


def plain_signs(text: str) -> str:
    """The same text without the signs of this program; words in other scripts stay what they are."""
    return text.translate(TABLE)
