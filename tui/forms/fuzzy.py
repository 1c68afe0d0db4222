"""Finding a line by a few letters of it."""

from __future__ import annotations

from typing import Final

NO_MATCH: Final = -1


def score(typed: str, label: str, text: str = "") -> int:
    """How well ``typed`` means a line, higher is better; NO_MATCH when it does not.

    Each word counts at the start of the label, inside it, in the text behind it, or as letters of the label in order.
    """
    total = 0
    label, text = label.lower(), text.lower()
    for word in typed.lower().split():
        found = _word(word, label, text)
        if found == NO_MATCH:
            return NO_MATCH
        total += found
    return total


def _word(word: str, label: str, text: str) -> int:
    place = label.find(word)
    if place == 0 or (place > 0 and not label[place - 1].isalnum()):
        return 400 - min(len(label), 100)
    if place > 0:
        return 300 - min(len(label), 100)
    if word in text:
        return 100
    return _in_order(word, label)


def _in_order(word: str, label: str) -> int:
    """Letters of the label in order, the closer together the better."""
    if len(word) < 2:
        return NO_MATCH
    place, first = -1, -1
    for letter in word:
        place = label.find(letter, place + 1)
        if place < 0:
            return NO_MATCH
        first = place if first < 0 else first
    return max(1, 90 - (place - first))
