"""What every screen of the form owes its user: commands by name, mouse, resizing, hostile text, nothing typed lost."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

import presets
from tests.tui.app.support import app, go, shown, type_ahead, until
from tests.tui.forms.support import small
from tui.app.app import WizardApp
from tui.app.screens.picker import PickerScreen
from tui.app.screens.presets import preset_draft
from tui.app.screens.proposals import ProposalScreen
from tui.app.screens.report import ReportScreen
from tui.app.screens.review import ReviewScreen
from tui.app.screens.value import ValueScreen
from tui.app.screens.wizard import WizardScreen
from tui.app.widgets.keybar import KeyBar
from tui.forms.draft import Draft
from tui.forms.grid import GridView, grid_line


def grid(pilot: Pilot[Any]) -> WizardScreen:
    screen = pilot.app.screen
    assert isinstance(screen, WizardScreen)
    return screen


async def test_the_palette_does_what_keys_do_and_goes_to_fields() -> None:
    async with app(WizardScreen(Draft.new(small()))).run_test(size=(100, 30)) as pilot:
        await type_ahead(pilot, "colon", *"lora.alpha", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        assert grid(pilot).view.path_at(grid(pilot).grid.cursor) == "lora.alpha"
        await type_ahead(pilot, "ctrl+p", *"optsteps", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        assert grid(pilot).view.path_at(grid(pilot).grid.cursor) == "optimization.steps", "letters in order are enough"
        before = len(grid(pilot).view.rows)
        await type_ahead(pilot, "ctrl+p", *"advanced", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen) and len(grid(pilot).view.rows) > before)


async def test_the_mouse_reaches_rows_keys_and_completions(own_directories: Path) -> None:
    (own_directories / "weights").mkdir()
    draft = Draft.new(small())
    async with app(WizardScreen(draft)).run_test(size=(100, 30)) as pilot:
        await pilot.click("#grid", offset=(10, 2))
        assert grid(pilot).grid.cursor == 2
        bar = grid(pilot).query_one(KeyBar)
        await pilot.click(bar, offset=(bar.plain.index("Find"), 0))
        await until(pilot, lambda: pilot.app.focused is not None and pilot.app.focused.id == "filter")
        await pilot.press("escape")
        top = grid(pilot).grid.scroll_offset.y
        await pilot._post_mouse_events([events.MouseScrollDown], grid(pilot).grid, offset=(5, 5), button=0)
        await until(pilot, lambda: grid(pilot).grid.scroll_offset.y > top)
        await go(pilot, "model.model_path")
        await pilot.press("enter", "ctrl+u", "w")
        await until(pilot, lambda: "weights/" in shown(pilot, "#candidates"))
        await pilot.click("#candidates", offset=(4, 0))
        await until(pilot, lambda: pilot.app.screen.query_one("#value").value == "weights/")  # type: ignore[attr-defined]


async def test_completions_are_marked_and_taken(own_directories: Path) -> None:
    for name in ("apple", "apricot", "avocado"):
        (own_directories / name).mkdir()
    draft = Draft.new(small())
    async with app(WizardScreen(draft)).run_test(size=(80, 24)) as pilot:
        await go(pilot, "data.preprocessed_data_root")
        await pilot.press("enter", "ctrl+u", "a", "down", "down", "enter")
        await until(pilot, lambda: pilot.app.screen.query_one("#value").value == "apricot/")  # type: ignore[attr-defined]
        assert isinstance(pilot.app.screen, ValueScreen), "Enter took the completion; the next one takes the value"
        await pilot.press("enter")
        await until(pilot, lambda: draft.get("data.preprocessed_data_root") == "apricot")


SIZES = [(60, 15), (240, 70), (80, 24), (1, 1), (120, 40), (60, 15)]


async def test_resizing_loses_nothing() -> None:
    draft = Draft.new(small())
    async with app(WizardScreen(draft)).run_test(size=(100, 30)) as pilot:
        await go(pilot, "lora.rank")
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert grid(pilot).view.path_at(grid(pilot).grid.cursor) == "lora.rank"
            if size != (1, 1):
                assert "Rank" in shown(pilot, "#grid"), size
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
        await pilot.press("ctrl+u", "4")
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await pilot.press("8", "enter")
        await until(pilot, lambda: draft.get("lora.rank") == 48)


@pytest.mark.parametrize("width", [74, 80, 120, 128])
def test_no_name_is_clipped(width: int) -> None:
    for name in presets.names():
        draft = Draft.new(presets.load(name), preset=name)
        view = GridView(draft, advanced=True)
        view.rebuild()
        for index, row in enumerate(view.rows):
            text = "".join(part for part, _ in grid_line(view, index, width, current=False))
            assert row.title in text, (name, row.path, text)


HOSTILE = "\x1b]0;owned\x07[bold]x[/bold]\x1b[31m\x9b31m日本\r\n\tend"


async def test_text_is_shown_and_never_obeyed(own_directories: Path) -> None:
    data = small()
    data["validation"]["samples"][0]["prompt"] = HOSTILE
    data["model"]["model_path"] = "/m/[red]\x1b[2J.safetensors"
    data["\x1b[2Jkey"] = "[blink]"
    draft = Draft.new(data, path=own_directories / "[b]\x1b[31m.yaml")
    async with app(WizardScreen(draft)).run_test(size=(120, 60)) as pilot:
        pages = []
        for path in ("model.model_path", "validation.samples[0].prompt"):
            await go(pilot, path)
            pages.append(shown(pilot))
            await pilot.press("i")
            await until(pilot, lambda: isinstance(pilot.app.screen, ReportScreen))
            pages.append(shown(pilot))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        for key in ("p", "o", "c"):
            await pilot.press(key)
            await pilot.pause()
            pages.append(shown(pilot))
    text = "\n".join(pages)
    assert "[red]" in text
    assert "[bold]x[/bold]" in text
    assert all(char.isprintable() or char == "\n" for char in text)


async def test_review_compares_copies_and_gives_the_command(own_directories: Path) -> None:
    draft = preset_draft("t2v_lora", vram=32)
    draft.set("lora.rank", 24)
    path = own_directories / "mine.yaml"
    async with app(ReviewScreen(draft)).run_test(size=(100, 30)) as pilot:
        sent: list[str] = []
        assert pilot.app._driver is not None
        pilot.app._driver.write = sent.append  # type: ignore[method-assign, assignment]
        await pilot.press("y")
        [copied] = [each for each in sent if each.startswith("\x1b]52;c;")]
        assert base64.b64decode(copied[7:-1]).decode() == draft.render().dump(), "the whole file"
        assert "bytes" in shown(pilot, "#title")
        await pilot.press("p")
        await pilot.pause()
        assert "lora.rank" in shown(pilot)
        assert "1 field differs" in shown(pilot)
        await pilot.press("c")
        await pilot.pause()
        assert "--preset t2v_lora" in shown(pilot)
        assert "lora.rank=24" in shown(pilot)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
        await type_ahead(pilot, "ctrl+u", *"mine.yaml", "enter")
        await until(pilot, path.exists)
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        draft.set("lora.rank", 25)
        await pilot.press("o")
        await pilot.pause()
        assert "-  rank: 24" in shown(pilot)
        assert "+  rank: 25" in shown(pilot)


async def test_keys_typed_before_the_first_screen_are_not_lost() -> None:
    draft = Draft.new(small())
    program = WizardApp(lambda: WizardScreen(draft))
    async with program.run_test(size=(80, 24)) as pilot:
        assert not isinstance(program.screen, WizardScreen), "the frame is painted before anything is loaded"
        for key in ("slash", *"rank", "enter", "enter", *["backspace"] * 2, "1", "6", "enter"):
            character = {"slash": "/", "enter": "\r"}.get(key, key if len(key) == 1 else None)
            program.post_message(events.Key(key, character))
        await until(pilot, lambda: draft.get("lora.rank") == 16)


async def test_part_of_a_configuration_is_a_step_of_its_own() -> None:
    draft = Draft.new(small())
    draft.set("lora.rank", 1)
    draft.set("optimization.steps", 0)
    closed: list[object] = []
    async with app(PickerScreen("below", [])).run_test(size=(80, 24)) as pilot:
        step = WizardScreen(draft, only=("optimization", "flow_matching"), heading="Optimization")
        await pilot.app.push_screen(step, closed.append)
        await until(pilot, lambda: "Optimization" in shown(pilot, "#title"))
        shown_sections = {row.path.split(".")[0] for row in step.view.rows}
        assert shown_sections <= {"optimization", "flow_matching"}
        await pilot.press("n")
        assert step.view.path_at(step.grid.cursor) == "optimization.steps", "errors elsewhere are other steps' business"
        await pilot.press("d", "q")
        await until(pilot, lambda: closed == [None])
        assert draft.get("optimization.steps") == 3000


async def test_only_what_differs_from_the_default_or_from_the_preset() -> None:
    draft = preset_draft("t2v_lora", vram=32)
    draft.set("optimization.steps", 77)
    async with app(WizardScreen(draft, vram=32)).run_test(size=(100, 30)) as pilot:
        await pilot.press("m")
        assert {"optimization.steps", "lora.rank"} <= {row.path for row in grid(pilot).view.rows}
        await pilot.press("m")
        assert [row.path for row in grid(pilot).view.rows if row.kind == "field"] == ["optimization.steps"]
        await go(pilot, "optimization.steps")
        await pilot.press("b")
        assert draft.get("optimization.steps") == presets.load("t2v_lora", vram=32)["optimization"]["steps"]


async def test_what_makes_it_fit_is_applied_only_on_consent() -> None:
    draft = preset_draft("t2v_lora", vram=80)
    before = draft.data
    async with app(WizardScreen(draft, vram=24)).run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "of 24 GB" in shown(pilot, "#title"))
        title = shown(pilot, "#title")
        await pilot.press("f")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProposalScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        assert draft.data is before
        await pilot.press("f")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProposalScreen))
        await pilot.press("enter")
        await until(pilot, lambda: draft.data is not before)
        assert draft.problems == ()
        await until(pilot, lambda: "of 24 GB" in shown(pilot, "#title") and shown(pilot, "#title") != title)
        await pilot.press("u")
        assert draft.data is before, "one step of undo"
