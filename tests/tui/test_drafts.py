"""Drafts that outlive whoever edited them."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

import presets
from tests.support.terminal import PATIENCE, Terminal
from tests.tui.app.support import app, shown, until
from tests.tui.forms.support import small
from tui.app.screens.goal import GoalScreen
from tui.app.screens.home import HomeScreen
from tui.app.screens.wizard import WizardScreen
from tui.drafts import DraftStore, reopen
from tui.forms.draft import Draft


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def orphaned(store: DraftStore, draft: Draft) -> Path:
    """A draft kept by an editor that is gone."""
    file = store.new_file()
    assert store.keep(file, draft)
    content = json.loads(file.read_text())
    content["owner"]["start"] = -1.0
    file.write_text(json.dumps(content))
    return file


def test_a_draft_comes_back_as_it_was_left(own_directories: Path) -> None:
    store = DraftStore()
    draft = Draft.new(presets.load("i2v_lora", vram=32), preset="i2v_lora", vram=32, path=own_directories / "fox.yaml")
    draft.set("lora.rank", "not a number yet")
    orphaned(store, draft)
    [found] = store.unsaved()
    assert found.name.endswith("fox.yaml")
    again = reopen(found)
    assert again.data == draft.data
    assert (again.preset, again.vram, again.path, again.base) == ("i2v_lora", 32, draft.path, draft.base)
    assert [problem.path for problem in again.problems] == ["lora.rank"]


def test_an_edited_file_keeps_its_comments_and_is_not_replaced_when_it_moved_on(own_directories: Path) -> None:
    path = own_directories / "mine.yaml"
    path.write_text("# mine\nmodel: {model_path: /m}\ndata: {preprocessed_data_root: /d}\nlora: {rank: 8} # small\n")
    draft = Draft.open(path)
    draft.set("lora.rank", 16)
    orphaned(DraftStore(), draft)
    os.utime(path, ns=(5, 5))
    [found] = DraftStore().unsaved()
    again = reopen(found)
    assert again.dirty
    assert again.newer_on_disk(path)
    assert "# small" in again.render().dump()
    assert "rank: 16" in again.render().dump()


def test_drafts_of_live_editors_and_damaged_ones_are_not_offered() -> None:
    store = DraftStore()
    assert store.keep(store.new_file(), Draft.new(small()))
    (store.folder / "half.json").write_text('{"v": 1, "data": {')
    (store.folder / "other.json").write_text('{"v": 99, "data": {}}')
    assert store.unsaved() == []


@pytest.mark.parametrize("last", ["y", "ctrl+q"])
async def test_a_draft_is_kept_soon_and_goes_only_when_it_may(last: str, own_directories: Path) -> None:
    store = DraftStore()
    program = app(first_step())
    async with program.run_test(size=(100, 30)) as pilot:
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: len(kept(store.folder)) == 1)
        before = kept(store.folder)[0].read_bytes()
        await pilot.press("1", "down", "enter")
        await until(pilot, lambda: kept(store.folder)[0].read_bytes() != before)
        if last == "y":
            await pilot.press("q")
            await until(pilot, lambda: "Leave without saving?" in shown(pilot))
        await pilot.press(last)
        await pilot.pause()
    assert len(kept(store.folder)) == (0 if last == "y" else 1)
    assert own_directories.is_dir()


def first_step() -> GoalScreen:
    from tui.guide.guide import Guide

    return GoalScreen(Guide.new())


async def test_what_was_saved_right_before_the_end_is_not_offered(own_directories: Path) -> None:
    draft = Draft.new(presets.load("t2v_lora"), preset="t2v_lora", path=own_directories / "fox.yaml")
    draft.set("lora.rank", 64)
    async with app(WizardScreen(draft)).run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: len(kept(DraftStore().folder)) == 1)
        await pilot.press("w", "ctrl+q")
    assert (own_directories / "fox.yaml").is_file()
    assert kept(DraftStore().folder) == []


async def test_home_offers_what_was_left_and_forgets_it_when_it_is_saved(own_directories: Path) -> None:
    draft = Draft.new(presets.load("t2v_lora"), preset="t2v_lora", path=own_directories / "fox.yaml")
    draft.set("lora.rank", 64)
    path = own_directories / "mine.yaml"
    path.write_text("model: {model_path: /m}\ndata: {preprocessed_data_root: /d}\nlora: {rank: 8}\n")
    edited = Draft.open(path)
    edited.set("lora.rank", 16)
    store = DraftStore()
    orphaned(store, draft)
    orphaned(store, edited)
    async with app(HomeScreen()).run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: shown(pilot).count("Continue the draft") == 2)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        await pilot.press("w")
        await until(pilot, lambda: "rank: 16" in path.read_text())
        await until(pilot, lambda: len(kept(store.folder)) == 1)
        await pilot.press("q")
        await until(pilot, lambda: shown(pilot).count("Continue the draft") == 1)
        await pilot.press("home", "delete")
        await until(pilot, lambda: "Throw this draft away?" in shown(pilot))
        await pilot.press("y")
        await until(pilot, lambda: "Continue the draft" not in shown(pilot))
    assert kept(store.folder) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_killed_while_typing_the_draft_comes_back(number: signal.Signals, tmp_path: Path) -> None:
    """The real program on a real terminal: an accepted value is on disk within a second, whatever ends the program."""
    environment = {"XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    target = tmp_path / "fox.yaml"
    terminal = Terminal(["new", "--preset", "t2v_lora", "-o", str(target)], (80, 24), environment)
    terminal.wait_for("Text encoder")
    terminal.press(b"/rank\r\r")
    terminal.wait_for("(lora.rank)")
    terminal.press(b"\x15" + b"48\r")
    folder = tmp_path / "state" / "ltx2-wizard" / "drafts"
    deadline = time.monotonic() + PATIENCE
    while not kept(folder) or '"rank": 48' not in kept(folder)[0].read_text():
        assert time.monotonic() < deadline
        terminal.read(0.1)
    terminal.press(b"\r\x1512")  # in the middle of typing another value
    terminal.read(0.3)
    os.kill(terminal.process.pid, number)
    terminal.process.wait(PATIENCE)
    terminal.close()
    [found] = DraftStore(folder).unsaved()
    assert found.path == target
    assert reopen(found).get("lora.rank") == 48
