from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import pytest
from textual.color import Color

from tests.tui.app.support import app, until
from tests.tui.forms.support import small
from tui.app.palette import DARK, LIGHT, SURFACES
from tui.app.screens.wizard import WizardScreen
from tui.app.widgets.lines import LineView
from tui.forms.draft import Draft
from tui.text import STYLES

ENOUGH = 4.5
"""Contrast that WCAG asks of text (AA)."""
# How light of the three cones mixes when one kind is missing (Viénot, Brettel and Mollon 1999), on linear RGB.
PROTANOPIA = ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0))
DEUTERANOPIA = ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0))
NORMAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def linear(colour: str) -> list[float]:
    channels = [value / 255 for value in Color.parse(colour).rgb]
    return [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def seen(colour: str, eye: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    """CIE L*a*b* of a colour for an eye."""
    rgb = linear(colour)
    red, green, blue = (sum(weight * value for weight, value in zip(row, rgb, strict=True)) for row in eye)
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    x, y, z = (max(value, 0.0) ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("style", STYLES)
def test_every_style_is_readable_on_every_surface(colours: Mapping[str, str], style: str) -> None:
    backs = ["cursor-back"] if style == "cursor" else SURFACES
    for back in backs:
        assert contrast(colours[style], colours[back]) >= ENOUGH, (style, back)


@pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("eye", [NORMAL, PROTANOPIA, DEUTERANOPIA], ids=["normal", "protanopia", "deuteranopia"])
def test_good_warning_and_bad_are_told_apart_by_every_eye(
    colours: Mapping[str, str], eye: tuple[tuple[float, ...], ...]
) -> None:
    for one, other in combinations(("good", "warn", "bad"), 2):
        distance = sum((a - b) ** 2 for a, b in zip(seen(colours[one], eye), seen(colours[other], eye), strict=True))
        assert distance**0.5 >= 15, (one, other)


async def test_what_is_drawn_has_these_colours_and_the_choice_is_remembered(own_directories: object) -> None:
    async with app(WizardScreen(Draft.new(small()))).run_test(size=(80, 24)) as pilot:
        title = pilot.app.screen.query_one("#title", LineView)
        for name, colours in (("dark", DARK), ("light", LIGHT)):
            await until(pilot, lambda name=name: pilot.app.theme == name)  # type: ignore[misc]
            for style in STYLES:
                drawn = title.style_of(style)
                assert drawn.color is not None
                assert Color.from_rich_color(drawn.color).hex.lower() == colours[style], style
            await pilot.press("f4")
        assert pilot.app.theme == "terminal"
        await pilot.press("f4", "f4")
    again = app(WizardScreen(Draft.new(small())))
    assert again.theme == "light"
