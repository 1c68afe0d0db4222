from __future__ import annotations

from pathlib import Path

from tests.support.events import Recording
from trainer.rundir.events import EventReader
from tui.progress import QUIET_SECONDS, ProgressLines


def test_news_at_once_and_steps_now_and_then(tmp_path: Path) -> None:
    recording = Recording(tmp_path, total=50)
    recording.start()
    recording.steps(50, bad=range(3, 4))
    recording.checkpoint()
    recording.exit("finished", 0)
    recording.close()
    now = [0.0]
    lines = ProgressLines(clock=lambda: now[0])
    told: list[str] = []
    for event in EventReader(recording.run.events_path).poll(max_seconds=5):
        now[0] += QUIET_SECONDS / 10
        told += lines.lines([event], eta_s=61.0)
    steps = [line for line in told if line.startswith("step ")]
    assert 4 <= len(steps) <= 7
    assert steps[-1].startswith("step 50/50  loss 0.")
    assert "1m 01s left" in steps[-1]
    assert "peak 22.7 GB" in steps[-1]
    assert any(line.startswith("checkpoint at step 50") for line in told)
    assert told[-1] == "finished (exit code 0)"
    assert sum(line.startswith("loading") for line in told) <= 3


def test_a_mean_is_not_spoilt_by_one_bad_value() -> None:
    lines = ProgressLines(clock=lambda: 1e9)
    for step, loss in enumerate([1.0, float("nan"), float("inf"), 1.0]):
        told = list(lines.lines([{"type": "metric", "step": step, "metrics": {"loss": loss}}]))
    assert told == [] or "mean 1" in told[0]
    late = ProgressLines(clock=iter(range(0, 1000, 10)).__next__)
    told = [
        *late.lines(
            [{"type": "metric", "step": n, "metrics": {"loss": loss}} for n, loss in enumerate([1.0, float("nan")])]
        )
    ]
    assert told[-1].startswith("step 1  loss nan (mean 1)")
