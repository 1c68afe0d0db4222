from __future__ import annotations

import os
from pathlib import Path

import pytest
from textual import events

from schemas import load_config
from schemas.paths import MISSING
from tests.tui.app.support import app, go, shown, type_ahead, until
from tests.tui.forms.support import small
from tui.app.screens.confirm import ConfirmScreen
from tui.app.screens.home import HomeScreen
from tui.app.screens.picker import PickerScreen
from tui.app.screens.presets import preset_draft
from tui.app.screens.report import ReportScreen
from tui.app.screens.textbox import TextScreen
from tui.app.screens.value import ValueScreen
from tui.app.screens.wizard import WizardScreen
from tui.forms.draft import Draft
from tui.forms.opening import open_draft


async def test_a_new_configuration_from_a_preset_to_a_file(own_directories: Path) -> None:
    async with app(HomeScreen()).run_test(size=(100, 30)) as pilot:
        await pilot.press("p")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickerScreen))
        await type_ahead(pilot, *"i2v_lora", "enter")
        await until(pilot, lambda: "memory of the graphics card" in shown(pilot))
        await type_ahead(pilot, *"32", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        screen = pilot.app.screen
        assert isinstance(screen, WizardScreen)
        assert "valid" in shown(pilot, "#title")

        await go(pilot, "lora.rank")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
        await type_ahead(pilot, *["backspace"] * 4, "1")
        await pilot.pause()
        assert "at least 2" in shown(pilot, "#verdict"), "the editor says at once what is wrong"
        await pilot.press("enter")
        await pilot.pause()
        assert "1 error" in shown(pilot, "#title")
        assert "✖" in shown(pilot, "#grid")
        assert "at least 2" in shown(pilot, "#doc")

        await pilot.press("t")
        await pilot.pause()
        assert "not yet" in shown(pilot, "#title"), "training waits until the errors are mended"

        await type_ahead(pilot, "enter", *["backspace"] * 2, *"24", "enter")
        await pilot.pause()
        assert "valid" in shown(pilot, "#title")
        await pilot.press("w")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
        await pilot.press("enter")
        await until(pilot, lambda: (own_directories / "i2v_lora.yaml").exists())
        await until(pilot, lambda: "saved" in shown(pilot, "#title"))
    config = load_config(own_directories / "i2v_lora.yaml").config
    assert config.lora is not None
    assert config.lora.rank == 24


async def test_editing_keeps_comments_and_never_overwrites_what_it_has_not_seen(own_directories: Path) -> None:
    path = own_directories / "mine.yaml"
    path.write_text(
        "# mine\nmodel: {model_path: /m.safetensors}\ndata: {preprocessed_data_root: /d} # here\n"
        "lora:\n  rank: 8 # small\n  alpha: 8\n"
    )
    draft, notes = open_draft(path)
    async with app(WizardScreen(draft, notes=notes)).run_test(size=(100, 30)) as pilot:
        await go(pilot, "lora.rank")
        await pilot.press("right")
        await pilot.pause()
        os.utime(path, ns=(5, 5))
        await pilot.press("w")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        assert "changed by someone else" in shown(pilot)
        await pilot.press("n")
        await pilot.pause()
        assert "rank: 8 " in path.read_text()
        await pilot.press("w")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: "saved" in shown(pilot, "#title"))
    text = path.read_text()
    assert text.startswith("# mine\n")
    assert "rank: 9 # small" in text
    assert "# here" in text


async def test_older_keys_are_read_as_current_ones_and_it_is_said(own_directories: Path) -> None:
    path = own_directories / "old.yaml"
    path.write_text(
        "model: {model_path: /m.safetensors}\ndata: {preprocessed_data_root: /d}\nlora: {rank: 8}\n"
        "validation:\n  guidance_scale: 4.0  # upstream's first key\n"
    )
    draft, notes = open_draft(path)
    async with app(WizardScreen(draft, notes=notes)).run_test(size=(120, 35)) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, ReportScreen))
        assert "validation.guidance_scale" in shown(pilot), "what was read differently is listed"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        assert draft.get("validation.video_cfg_scale") == 4.0
        changed = draft.dirty
        assert changed
        await pilot.press("u")
        await pilot.pause()
        assert draft.get("validation.guidance_scale") == 4.0
        changed = draft.dirty
        assert not changed
        await pilot.press("ctrl+r", "w")
        await until(pilot, lambda: "saved" in shown(pilot, "#title"))
    text = path.read_text()
    assert text.startswith("model: {model_path: /m.safetensors}\ndata:"), "the order stays"
    assert "# guidance_scale: upstream's first key" in text, "the comment of a key that is gone stays"
    assert "video_cfg_scale: 4.0" in text


async def test_every_kind_of_editor() -> None:
    draft = Draft.new(small())
    async with app(WizardScreen(draft)).run_test(size=(100, 30)) as pilot:
        await go(pilot, "model.training_mode")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickerScreen))
        await pilot.press("down", "enter")
        await until(pilot, lambda: draft.get("model.training_mode") == "full")
        await pilot.press("u")
        await until(pilot, lambda: draft.get("model.training_mode") is MISSING)

        await go(pilot, "hub.push_to_hub")
        await pilot.press("space")
        assert draft.get("hub.push_to_hub") is True
        assert "hub.hub_model_id" in [problem.path for problem in draft.problems] or draft.problems
        await pilot.press("d")
        assert draft.problems == ()

        await go(pilot, "validation.samples[0].prompt")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextScreen))
        await type_ahead(pilot, "enter", *"[b]x", "f2")
        await until(pilot, lambda: draft.get("validation.samples[0].prompt") == "a [red] fox\n[b]x")
        assert "[b]x" in shown(pilot, "#grid"), "text from a file is never markup"

        await go(pilot, "lora.target_modules")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, TextScreen))
        await type_ahead(pilot, "enter", *"ff.net.2", "ctrl+s")
        await until(pilot, lambda: draft.get("lora.target_modules")[-1:] == ["ff.net.2"])

        await go(pilot, "validation.video_dims")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
        await type_ahead(pilot, "ctrl+u", *"512x512x49", "enter")
        await until(pilot, lambda: draft.get("validation.video_dims") == [512, 512, 49])

        await go(pilot, "optimization.steps")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
        await pilot.press("7", "escape")
        await pilot.pause()
        assert draft.get("optimization.steps") is MISSING, "Esc leaves the value as it was"


async def test_keys_that_arrive_together_are_taken_in_order() -> None:
    """As over a slow line: one packet opens the editor, deletes, types and accepts."""
    draft = Draft.new(small())
    burst = [("enter", "\r"), *[("backspace", "\x7f")] * 2, ("1", "1"), ("6", "6"), ("enter", "\r")]
    async with app(WizardScreen(draft)).run_test(size=(80, 24)) as pilot:
        await go(pilot, "lora.rank")
        for key, character in burst:
            pilot.app.post_message(events.Key(key, character))
        await until(pilot, lambda: draft.get("lora.rank") == 16)
        await go(pilot, "validation.samples[0].prompt")
        for name in ("enter", *["backspace"] * 3, "o", "x", "f2"):
            pilot.app.post_message(events.Key(name, name if len(name) == 1 else None))
        await until(pilot, lambda: draft.get("validation.samples[0].prompt") == "a [red] ox")
        for name in ("slash", *"rank"):
            pilot.app.post_message(events.Key(name, name if len(name) == 1 else "/" if name == "slash" else None))
        screen = pilot.app.screen
        assert isinstance(screen, WizardScreen)
        await until(pilot, lambda: screen.view.words == "rank")
        assert screen.view.path_at(screen.grid.cursor) == "lora.rank"


async def test_conditions_are_added_changed_moved_and_removed() -> None:
    draft = Draft.new(small())
    conditions = "training_strategy.video.conditions"

    def kinds() -> list[str]:
        return [item["type"] for item in draft.get(conditions)]

    async with app(WizardScreen(draft)).run_test(size=(120, 35)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, WizardScreen)
        await go(pilot, conditions)
        await type_ahead(pilot, "enter", *"mask", "enter")
        await until(pilot, lambda: kinds() == ["first_frame", "prefix", "mask"])
        assert screen.view.path_at(screen.grid.cursor) == f"{conditions}[2]", "the cursor goes to the new item"
        await pilot.press("K")
        assert kinds() == ["first_frame", "mask", "prefix"]
        await type_ahead(pilot, "enter", *"suffix", "enter")
        await until(pilot, lambda: kinds() == ["first_frame", "suffix", "prefix"])
        await pilot.press("delete")
        assert kinds() == ["first_frame", "prefix"]
        await pilot.press("u", "u", "u", "u")
        assert kinds() == ["first_frame", "prefix"]
        await pilot.press("ctrl+r")
        assert kinds() == ["first_frame", "prefix", "mask"]


async def test_finding_and_filtering() -> None:
    draft = Draft.new(small())
    async with app(WizardScreen(draft)).run_test(size=(80, 24)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, WizardScreen)
        await type_ahead(pilot, "slash", *"rank", "enter")
        await pilot.pause()
        assert screen.view.path_at(screen.grid.cursor) is not None
        assert {row.path for row in screen.view.rows if row.kind == "field"} >= {"lora.rank"}
        assert "optimization.steps" not in shown(pilot, "#grid")
        await pilot.press("escape")
        await pilot.pause()
        assert len(screen.view.rows) > 40
        before = len(screen.view.rows)
        await pilot.press("a")
        assert len(screen.view.rows) > before
        draft.set("seed", "x")
        await pilot.press("a", "n")
        await pilot.pause()
        assert screen.view.path_at(screen.grid.cursor) == "seed", "n finds errors in hidden fields too"


async def test_what_fits_is_said_at_every_change() -> None:
    draft = preset_draft("t2v_lora", vram=32)
    async with app(WizardScreen(draft, vram=32)).run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "of 32 GB" in shown(pilot, "#title"))
        before = shown(pilot, "#title")
        draft.set("validation.video_dims", [1920, 1088, 121])
        draft.set("validation.samples", [{"prompt": "a very large one"}])
        screen = pilot.app.screen
        assert isinstance(screen, WizardScreen)
        screen.refresh_rows()
        await until(pilot, lambda: "of 32 GB" in shown(pilot, "#title") and shown(pilot, "#title") != before)
        await pilot.press("e")
        await until(pilot, lambda: "training step" in shown(pilot))


async def test_review_shows_the_text_that_will_be_saved() -> None:
    draft = Draft.new(small())
    async with app(WizardScreen(draft)).run_test(size=(100, 60)) as pilot:
        await pilot.press("y")
        await until(pilot, lambda: "Review" in shown(pilot, "#title"))
        assert "model_path" in shown(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))


async def test_leaving_asks_only_when_something_would_be_lost() -> None:
    draft = preset_draft("t2v_lora")
    async with app(WizardScreen(draft)).run_test(size=(80, 24)) as pilot:
        await go(pilot, "optimization.steps")
        await pilot.press("right", "q")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press("n")
        await pilot.pause()
        await pilot.press("u", "q")
        await pilot.pause()
    assert pilot.app.return_value == 0


async def test_a_bug_never_costs_the_draft(own_directories: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = Draft.new(small())
    screen = WizardScreen(draft)
    program = app(screen)

    def bug(_path: str | None) -> None:
        raise ZeroDivisionError("a bug of ours")

    with pytest.raises(ZeroDivisionError):
        async with program.run_test(size=(80, 24)) as pilot:
            await go(pilot, "optimization.steps")
            await pilot.press("right")
            monkeypatch.setattr(screen, "changed", bug)
            await pilot.press("right")
    assert isinstance(program.failure, ZeroDivisionError)
    [path] = program.rescued
    assert load_config(path).config.optimization.steps == draft.get("optimization.steps")


async def test_saving_where_it_is_not_allowed_is_told(own_directories: Path) -> None:
    draft = Draft.new(small(), path=own_directories / "file" / "x.yaml")
    (own_directories / "file").write_text("a file, not a directory")
    async with app(WizardScreen(draft)).run_test(size=(100, 30)) as pilot:
        await pilot.press("w")
        await until(pilot, lambda: "Not saved" in shown(pilot))
        await pilot.press("escape")
        await pilot.pause()
        assert draft.dirty


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (40, 12), (80, 24), (160, 45)])
async def test_every_size_from_one_cell_up(size: tuple[int, int]) -> None:
    draft = Draft.new(small())
    async with app(WizardScreen(draft)).run_test(size=size) as pilot:
        await pilot.press("down", "down", "enter")
        await pilot.pause()
        await pilot.press("escape", "y")
        await pilot.pause()
        await pilot.press("escape", "question_mark")
        await pilot.pause()
        await pilot.resize_terminal(80, 24)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        assert "Training mode" in shown(pilot, "#grid")


async def test_a_path_is_completed(own_directories: Path) -> None:
    (own_directories / "weights").mkdir()
    (own_directories / "weights" / "ltx.safetensors").touch()
    draft = Draft.new(small())
    async with app(WizardScreen(draft)).run_test(size=(100, 30)) as pilot:
        await go(pilot, "model.model_path")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ValueScreen))
        await type_ahead(pilot, "ctrl+u", *"wei", "tab", "tab")
        await pilot.press("enter")
        await until(pilot, lambda: draft.get("model.model_path") == "weights/ltx.safetensors")
