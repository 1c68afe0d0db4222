from __future__ import annotations

from pathlib import Path

from tui.monitor.gallery import MOST_PROMPTS, MOST_STEPS, Gallery
from tui.monitor.plan import Plan, next_due


def _event(step: object, index: object = 0, **more: object) -> dict[str, object]:
    return {"type": "sample", "step": step, "index": index, "path": f"/s/{step}.mp4", "prompt": "a fox", **more}


def test_samples_are_kept_by_prompt_and_step() -> None:
    gallery = Gallery()
    for step in (0, 100, 200):
        for index in (1, 0):
            gallery.add(_event(step, index, poster=f"/s/{step}.png"))
    assert gallery.indexes == [0, 1]
    assert [sample.step for sample in gallery.row(0)] == [0, 100, 200]
    gallery.add(_event(200, 0))
    assert [sample.poster for sample in gallery.row(0)] == ["/s/0.png", "/s/100.png", ""], "made again"
    gallery.cut(100)
    assert gallery.count == 4


def test_odd_samples_are_left_out_and_there_is_an_end_to_all_things() -> None:
    gallery = Gallery()
    for odd in (_event("1"), _event(1, None), _event(1, path=3), {}):
        gallery.add(odd)
    assert gallery.count == 0
    gallery.add(_event(1, poster=["x"], prompt=7))
    assert (gallery.row(0)[0].poster, gallery.row(0)[0].prompt) == ("", "")
    for number in range(MOST_STEPS + 10):
        gallery.add(_event(number + 2, number))
        gallery.add(_event(number + 2, 0))
    assert len(gallery.by_index) <= MOST_PROMPTS
    assert len(gallery.row(0)) <= MOST_STEPS


def test_the_next_time_of_something_regular() -> None:
    assert next_due(0, 250, 2000) == 250
    assert next_due(250, 250, 2000) == 250
    assert next_due(1990, 250, 2000) == 10
    assert next_due(1990, 300, 2000) is None
    assert next_due(2000, 250, 2000) is None
    assert next_due(5, None, 2000) is None
    assert next_due(5, 0, None) is None


def test_the_configuration_tells_what_is_to_come(tmp_path: Path) -> None:
    import presets
    from schemas import render_yaml

    data = presets.load("t2v_lora")
    data["validation"]["samples"] = [
        {"prompt": "a fox", "conditions": [{"type": "first_frame", "image_or_video": "pictures/start.png"}]},
        {"prompt": "an owl"},
    ]
    data["validation"]["interval"], data["checkpoints"]["interval"] = 70, 30
    data["optimization"]["warmup_steps"] = 5
    path = tmp_path / "training_config.yaml"
    path.write_text(render_yaml(data))
    plan = Plan.read(path)
    assert (plan.checkpoint_interval, plan.validation_interval, plan.warmup_steps) == (30, 70, 5)
    assert [sample.conditions for sample in plan.samples] == [("first_frame: start.png",), ()]


def test_a_configuration_that_cannot_be_read_tells_nothing(tmp_path: Path) -> None:
    assert Plan.read(tmp_path / "none.yaml") == Plan()
    (tmp_path / "bad.yaml").write_text("a: [1\n")
    assert Plan.read(tmp_path / "bad.yaml") == Plan()
