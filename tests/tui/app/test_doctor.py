from __future__ import annotations

from tests.tui.app.support import app, shown, until
from tui.app.screens.doctor import DoctorScreen


async def test_the_doctor_reports_at_every_size() -> None:
    for size in ((60, 15), (80, 24), (160, 50)):
        async with app(DoctorScreen()).run_test(size=size) as pilot:
            await until(pilot, lambda: "Python" in shown(pilot) and "Libraries" in shown(pilot))
            await pilot.press("r")
            await until(pilot, lambda: "looking" not in shown(pilot))
            await pilot.press("end")
            await until(pilot, lambda: "Open files" in shown(pilot))
