"""From the caption of a row to the prompt that is encoded."""

from __future__ import annotations

import re

_SUBJECTS = (
    "The video",
    "This video",
    "The clip",
    "This clip",
    "The scene",
    "This scene",
    "The image",
    "This image",
    "The footage",
)
_VERBS = ("shows", "depicts", "features", "captures", "presents", "displays", "portrays")
_PHRASES = ("In this video, ", "In the video, ", "In this clip, ", "In this scene, ", "We see ")
_OPENING = re.compile(
    rf"(?:(?:{'|'.join(_SUBJECTS)}) (?:{'|'.join(_VERBS)}) |{'|'.join(re.escape(phrase) for phrase in _PHRASES)})"
)


def prompt_of(caption: str, *, trigger: str | None = None, strip_opening: bool = False) -> str:
    """The prompt: an opening such as "This video shows" removed once if wanted, then the trigger word in front."""
    text = caption.strip()
    if strip_opening:
        text = _OPENING.sub("", text, count=1) if _OPENING.match(text) else text
    return f"{trigger.strip()} {text}" if trigger and trigger.strip() else text
