from __future__ import annotations

import copy
from pathlib import Path

from tests.tui.app.support import app, shown, until
from tests.tui.forms.support import small
from tui.app.screens.pattern import PatternScreen
from tui.app.screens.targets import TargetsScreen
from tui.forms.draft import Draft

CHECKPOINT = Path(__file__).parents[2] / "golden" / "ltx2.3_tiny_checkpoint.safetensors"


def _draft(*, audio: bool = False, checkpoint: bool = False) -> Draft:
    data = copy.deepcopy(small())
    if checkpoint:
        data["model"]["model_path"] = str(CHECKPOINT)
    if audio:
        data["training_strategy"]["audio"] = {"is_generated": True, "latents_dir": "audio_latents"}
    data["lora"]["target_modules"] = ["to_k", "to_q", "to_v", "to_out.0"]
    return Draft.new(data)


async def test_groups_switches_and_undo_write_patterns_into_the_draft() -> None:
    draft = _draft(audio=True)
    async with app(TargetsScreen(draft, vram=32)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "213.9 M" in shown(pilot))
        await pilot.press("v")
        assert draft.get("lora.target_modules")[0] == "attn1.to_k"
        await until(pilot, lambda: "audio is generated, but no adapter" in shown(pilot))
        await pilot.press("f")
        assert draft.get("lora.target_modules")[-2:] == ["ff.net.0.proj", "ff.net.2"]
        await pilot.press("u", "u")
        assert draft.get("lora.target_modules") == ["to_k", "to_q", "to_v", "to_out.0"]
        await pilot.press("plus")
        assert draft.get("lora.rank") == 64
        await until(pilot, lambda: "427.8 M" in shown(pilot))
        await pilot.press("down", "space")
        assert "attn1.to_k" not in draft.get("lora.target_modules")
        assert "to_k" not in draft.get("lora.target_modules"), "the short pattern would still reach it"
        assert "attn2.to_k" in draft.get("lora.target_modules")


async def test_a_pattern_shows_what_it_hits_while_it_is_typed() -> None:
    draft = _draft()
    async with app(TargetsScreen(draft)).run_test(size=(100, 30)) as pilot:
        await pilot.press("p", *"ff.net.2")
        await until(pilot, lambda: isinstance(pilot.app.screen, PatternScreen) and "48 modules: ff 48" in shown(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, TargetsScreen))
        assert draft.get("lora.target_modules")[-1] == "ff.net.2"
        await pilot.press("p", *"ff.net.3")
        await until(pilot, lambda: "no module of this run matches" in shown(pilot))
        await pilot.press("escape", "end", "delete")
        assert "ff.net.2" not in draft.get("lora.target_modules")


async def test_audio_targets_in_a_video_run_and_the_real_header_are_told() -> None:
    draft = _draft(checkpoint=True)
    draft.set("lora.target_modules", ["audio_attn1.to_k", "attn1.to_k"])
    async with app(TargetsScreen(draft)).run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "from the header of ltx2.3_tiny_checkpoint" in shown(pilot))
        assert "chosen modules need audio, which this run does not load" in shown(pilot)
        await pilot.press("end")
        assert "only in what this run does not load" in shown(pilot)
        assert "not loaded by this run" in shown(pilot)


async def test_every_size_keeps_names_whole() -> None:
    for size in ((60, 15), (80, 24), (200, 55)):
        async with app(TargetsScreen(_draft(audio=True), vram=24)).run_test(size=size) as pilot:
            await pilot.press("c")
            await until(pilot, lambda: "chosen" in shown(pilot))
            assert "Between video and audio" in shown(pilot)
            await pilot.press("end")
            await until(pilot, lambda: "video_to_audio_attn.to_out.0" in shown(pilot))
