"""Colours: two themes of our own, and the terminal's sixteen where those are wanted or all there are.

One accent, which means "here": the row under the cursor and the keys that act on it. Good, warning and bad differ in
lightness as well as in hue, so that they stay apart for every kind of colour vision, and always come with a sign or
a word. Every style is readable on every surface (contrast of at least 4.5, held by a test).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.theme import Theme

SURFACES: Final = ("background", "surface", "panel")
"""What text stands on: screens, dialogs, the title and footer lines."""

DARK: Final[Mapping[str, str]] = {
    "background": "#12161b",
    "surface": "#191f26",
    "panel": "#20272f",
    "text": "#d5dbe1",
    "dim": "#98a4b1",
    "strong": "#ffffff",
    "title": "#ffffff",
    "accent": "#7cc4ff",
    "good": "#3fcfb8",
    "warn": "#ffd166",
    "bad": "#f2705d",
    "cursor": "#ffffff",
    "cursor-back": "#1d5788",
    "band": "#7299bb",
    "head": "#98a4b1",
    "key": "#7cc4ff",
    "name": "#bdb2f2",
    "rule": "#3a4653",
}
LIGHT: Final[Mapping[str, str]] = {
    "background": "#fcfcfa",
    "surface": "#f3f3f0",
    "panel": "#e9eae8",
    "text": "#20262c",
    "dim": "#57616b",
    "strong": "#000000",
    "title": "#000000",
    "accent": "#005a9e",
    "good": "#006a5e",
    "warn": "#7a5200",
    "bad": "#9a1032",
    "cursor": "#ffffff",
    "cursor-back": "#0a5a94",
    "band": "#3d6a90",
    "head": "#57616b",
    "key": "#005a9e",
    "name": "#5a3fae",
    "rule": "#b4bac0",
}
PLAIN: Final[Mapping[str, str]] = {
    **dict.fromkeys((*SURFACES, "text", "dim", "strong", "title", "head", "cursor-back", "name"), "ansi_default"),
    "accent": "ansi_default",
    "good": "ansi_green",
    "warn": "ansi_magenta",
    "bad": "ansi_red",
    "cursor": "ansi_default",
    "band": "ansi_blue",
    "key": "ansi_default",
    "rule": "ansi_default",
}
"""The terminal's own colours: the user has chosen them, so they are readable on the user's background."""
NAMES: Final = ("dark", "light", "terminal")
"""The themes in the order in which a key goes through them; the last one uses the terminal's own colours."""


def variables(colours: Mapping[str, str]) -> dict[str, str]:
    """The style sheet's names for colours."""
    named = {f"line-{name}": colour for name, colour in colours.items() if name not in (*SURFACES, "rule")}
    return {**named, "rule": colours["rule"]}


def theme(name: str) -> Theme:
    """One of NAMES for Textual."""
    plain = name == "terminal"
    colours = PLAIN if plain else LIGHT if name == "light" else DARK
    back, bar = colours["background"], "ansi_blue" if plain else colours["rule"]
    return Theme(
        name=name,
        primary="ansi_blue" if plain else colours["cursor-back"],
        secondary=colours["band"],
        warning=colours["warn"],
        error=colours["bad"],
        success=colours["good"],
        accent=colours["accent"],
        foreground=colours["text"],
        background=back,
        surface=colours["surface"],
        panel=colours["panel"],
        boost=colours["panel"],
        dark=name != "light",
        ansi=plain,
        variables={
            **variables(colours),
            **{f"scrollbar{part}": bar for part in ("", "-hover", "-active")},
            **{f"scrollbar-background{part}": back for part in ("", "-hover", "-active")},
            "scrollbar-corner-color": back,
            "ansi-background": back if plain else "transparent",
            "ansi-foreground": back if plain else "transparent",
            "input-cursor-background": back if plain else colours["text"],
            "input-cursor-foreground": back,
            "input-cursor-text-style": "reverse" if plain else "none",
        },
    )
