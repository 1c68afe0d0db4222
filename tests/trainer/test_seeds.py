from __future__ import annotations

import torch

from trainer.seeds import generator, sample_stream, seed_forward, seed_of


def test_seeds_are_the_same_for_ever() -> None:
    """A changed value would make every older run impossible to resume exactly."""
    assert seed_of(42, 0, 7, "video.noise") == 2685420002197698700
    assert seed_of(1, 23) != seed_of(12, 3)


def test_streams_start_where_their_key_says() -> None:
    stream = sample_stream(1, 0, 5)
    first = torch.rand(3, generator=stream(0, "noise"))
    torch.rand(100)
    assert torch.equal(first, torch.rand(3, generator=stream(0, "noise")))
    for other in (stream(1, "noise"), stream(0, "sigma"), sample_stream(1, 0, 6)(0, "noise"), generator(2)):
        assert not torch.equal(first, torch.rand(3, generator=other))


def test_dropout_is_seeded_by_the_micro_step() -> None:
    values = []
    for micro in (0, 1, 0):
        seed_forward(3, 0, 4, micro)
        values.append(torch.nn.functional.dropout(torch.ones(50)))
    assert torch.equal(values[0], values[2])
    assert not torch.equal(values[0], values[1])
