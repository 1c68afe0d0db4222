from __future__ import annotations

import csv
import io
import math

import pytest
from PIL import Image

from tui.charts.export import HEIGHT, WIDTH, csv_text, png_bytes
from tui.charts.lines import ChartOptions, Sheet
from tui.charts.plot import Curve
from tui.charts.raster import Guide
from tui.charts.series import Series
from tui.charts.view import Window


def _sheet() -> Sheet:
    loss, other = Series(smoothing=0.5), Series(smoothing=0.5)
    for step in range(100):
        loss.add(step, math.nan if step == 50 else 1.0 + step / 100)
        other.add(step, 2.0)
    return Sheet("loss", (Curve("", loss, band=True), Curve("runs/owl", other, "good")))


def test_the_table_holds_what_is_shown_and_no_more() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text([_sheet()], Window(40, 20)))))
    assert {(row["chart"], row["curve"]) for row in rows} == {("loss", "loss"), ("loss", "runs/owl")}
    mine = [row for row in rows if row["curve"] == "loss"]
    assert [int(row["step"]) for row in mine] == list(range(40, 60))
    assert float(mine[0]["mean"]) == pytest.approx(1.4)
    assert (mine[10]["mean"], mine[10]["not_finite"]) == ("nan", "1")


@pytest.mark.parametrize("options", [{}, {"log": True}, {"robust": True}])
def test_the_picture_has_every_chart_with_its_curves(options: dict[str, bool]) -> None:
    shown = ChartOptions(Window.whole(99), guides=(Guide(30, "C", "good"), Guide(500, "V", "good")), **options)
    data = png_bytes([_sheet(), Sheet("nothing", ()), _sheet()], shown, "a run")
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (WIDTH, 40 + 2 * HEIGHT)
        colours = {colour for _, colour in picture.getcolors(1 << 20) or []}
    assert {(11, 111, 184), (46, 139, 87), (201, 220, 238)} <= colours, "line, other run, band"


def test_nothing_finite_is_said_in_the_picture_too() -> None:
    bad = Series()
    bad.add(0, math.nan)
    data = png_bytes([Sheet("loss", (Curve("", bad),))], ChartOptions(), "a run")
    assert data.startswith(b"\x89PNG")


def test_few_labels_on_the_axis_and_points_that_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageDraw

    written: list[tuple[float, float, str]] = []
    plain = ImageDraw.ImageDraw.text

    def noted(self: ImageDraw.ImageDraw, place: tuple[float, float], text: str, **more: object) -> None:
        written.append((*place, text))
        plain(self, place, text, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noted)
    loss = Series(smoothing=0.5)
    for step in range(0, 100, 10):
        loss.add(step, 0.2 + step / 100)
    guides = tuple(Guide(step, letter, "good") for step in (30, 31) for letter in "CVWR")
    data = png_bytes([Sheet("loss", (Curve("", loss),))], ChartOptions(Window.whole(99), guides=guides), "a run")
    heights = sorted(y for x, y, text in written if x < 90 and text.replace(".", "").isdigit() and y < HEIGHT)
    assert 3 <= len(heights) <= 8
    letters = [(x, y) for x, y, text in written if text in {"C", "V", "W", "R"}]
    assert len(letters) == len(set(letters)) == 2
    with Image.open(io.BytesIO(data)) as picture:
        blue = sum(count for count, colour in picture.getcolors(1 << 20) or [] if colour == (11, 111, 184))
    assert blue > 10 * 50, "ten points of fifty pixels and the lines between them"
