from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from trainer.loop.reporter import Reporter
from trainer.rundir import EventLog, EventReader, RunDirectory, StatusWriter


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    made = RunDirectory(tmp_path)
    made.create()
    return made


@pytest.fixture
def reporter(run: RunDirectory) -> Iterator[Reporter]:
    with EventLog(run.events_path) as events, StatusWriter(run) as status:
        yield Reporter(events, status, clock=lambda: 0.0)


def test_a_message_that_counts_tells_its_share(run: RunDirectory, reporter: Reporter) -> None:
    for message in ("loading the text encoder", "encoding prompt 1 of 3", "encoding prompt 2 of 3", "layer 4 of 48, a"):
        reporter.told("caching", message)
    found = EventReader(run.events_path).poll()
    told = [(event["message"], event.get("done"), event.get("total")) for event in found]
    # The second prompt came within the same second; what is new is told at once.
    assert told == [("loading the text encoder", None, None), ("encoding prompt", 0, 3), ("layer, a", 3, 48)]


def test_a_link_is_an_event_and_a_line(
    run: RunDirectory, reporter: Reporter, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter.link("Weights & Biases", "https://wandb.example/run")
    (event,) = EventReader(run.events_path).poll()
    assert (event["type"], event["url"]) == ("link", "https://wandb.example/run")
    assert "https://wandb.example/run" in capsys.readouterr().out
