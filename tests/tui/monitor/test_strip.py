from __future__ import annotations

import math
from pathlib import Path

import pytest

from trainer.rundir.status import Status
from tui.monitor.model import RunView
from tui.monitor.plan import Plan
from tui.monitor.strip import bar, strip_lines, title_line, verdict_line
from tui.monitor.verdict import Verdict
from tui.monitor.wording import duration
from tui.text import width_of

LATEST = {
    "loss": 0.25, "lr": 1e-4, "grad_norm": 0.4, "step_seconds": 3.2, "data_seconds": 0.16, "tokens_per_second": 700.0,
    "memory_allocated": 21.4 * 2**30, "memory_peak": 22.7 * 2**30, "host_rss": 6 * 2**30,
}  # fmt: skip


def _text(lines: list[tuple[tuple[str, str], ...]]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


def _view(metrics: dict[str, float]) -> RunView:
    view = RunView()
    view.take([{"type": "metric", "t": 1.0, "step": 50, "metrics": metrics}])
    return view


def _status(**changes: object) -> Status:
    values: dict[str, object] = {"run_id": "r", "host": "h", "pid": 1, "phase": "training", "step": 50, "total": 200}
    return Status(**{**values, **changes})  # type: ignore[arg-type]


def test_a_training_run_says_how_far_and_how_long() -> None:
    view = _view(LATEST)
    text = _text(strip_lines(view, _status(eta_s=3725.0, updated=1000.0), "running", 1005.0, 80))
    assert "training step 50/200" in text
    assert "25 %" in text
    assert "1h 02m left" in text
    assert "loss 0.25" in text
    assert "data 5 %" in text
    assert "VRAM 21.4" in text


def test_loading_shows_the_progress_of_its_phase() -> None:
    view = RunView()
    view.apply([{"type": "phase", "phase": "loading", "message": "reading the transformer", "done": 3, "total": 4}])
    text = _text(strip_lines(view, _status(phase="loading", step=0), "running", 0.0, 80))
    assert "loading" in text
    assert "75 %" in text
    assert "reading the transformer" in text


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        ("crashed", _status(), "gone without a word after step 50"),
        ("stalled", _status(changed=0.0), "no progress for 2m 00s at step 50"),
        ("failed", _status(error="the loss\nis not finite"), "failed at step 50: the loss is not finite"),
        ("waiting", None, "waiting step 0"),
    ],
)
def test_trouble_is_said_in_words(state: str, status: Status | None, words: str) -> None:
    assert words in _text(strip_lines(RunView(), status, state, 120.0, 80))


def test_a_loss_that_is_not_finite_stands_out() -> None:
    view = _view({"loss": math.nan})
    assert (f"{'nan':<7}", "bad") in strip_lines(view, _status(), "running", 0.0, 80)[1]


@pytest.mark.parametrize("width", [1, 10, 20, 40, 80, 200])
def test_facts_never_run_over_the_edge(width: int) -> None:
    lines = strip_lines(_view(LATEST), _status(), "running", 0.0, width)
    assert all(width_of(line) <= width for line in lines[1:])


def test_the_next_save_and_the_next_samples_are_counted_down() -> None:
    view, plan = _view(LATEST), Plan(checkpoint_interval=40, validation_interval=70)
    assert "save in 30  samples in 20" in _text(strip_lines(view, _status(), "running", 0.0, 100, plan))
    told = {"type": "control", "verb": "interval", "arg": ["validation", 60], "result": "ok", "id": "a"}
    view.apply([told])
    assert "samples in 10" in _text(strip_lines(view, _status(), "running", 0.0, 100, plan))
    late = _text(strip_lines(view, _status(step=199), "running", 0.0, 100, plan))
    assert "save in 1" in late
    assert "samples" not in late, "there will be none before the end"


def test_a_card_that_is_nearly_full_stands_out() -> None:
    view = _view({**LATEST, "memory_reserved": 31.0 * 2**30, "memory_total": 32.0 * 2**30, "gpu_utilization": 97.0})
    line = strip_lines(view, _status(), "running", 0.0, 100)[2]
    assert ("97 % full", "warn") in [(text.strip(), style) for text, style in line]
    assert "busy 97 %" in _text([line])


@pytest.mark.parametrize("width", [1, 5, 24, 40, 80, 200])
def test_the_title_names_run_and_state_and_what_was_answered_in_any_width(width: int) -> None:
    folder = Path("/data/outputs/a_fox_with_a_rather_long_name")
    line = title_line(folder, "paused", "interval checkpoint 50: every 50 steps", width)
    assert width_of(line) <= max(width, len(" PAUSED ") + 3)
    if width >= 80:
        assert "interval checkpoint 50" in _text([line])
        assert "long_name" in _text([line]), "of a name that is too long the end counts"
    assert "outputs/a_fox" in _text([title_line(folder, "paused", "", 80)])


def test_names_and_answers_cannot_command_the_terminal() -> None:
    line = title_line(Path("/data/\x1b[2Jevil"), "running", "done\x1b]0;owned\x07", 80)
    assert "\x1b" not in _text([line])


def test_the_verdict_gives_its_reason_where_there_is_room() -> None:
    found = Verdict("falling", "learning: the loss fell 9 % over 100 steps", "mean 0.2", "", "good")
    wide = _text([verdict_line(found, 2, "https://wandb.example/run", 120)])
    assert "mean 0.2" in wide
    assert "(+2, w)" in wide
    assert "wandb.example" in wide
    assert "mean" not in _text([verdict_line(found, 0, "", 45)])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (61, "1m 01s"), (7500, "2h 05m"), (259205, "3d 00h"), (None, "-"), (math.inf, "-")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_bar_is_as_wide_as_asked() -> None:
    assert [len(bar(share, 10)) for share in (0.0, 0.03, 0.5, 1.0)] == [10] * 4
    assert bar(1.0, 4) == "━━━━"
    assert bar(0.0, 4) == "····"
