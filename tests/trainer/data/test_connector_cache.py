"""The connector cache: computed once, found again, made anew when it must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from schemas.errors import DataError, NumericError
from tests.support.tiny import TinyWorld
from trainer.data import connector_cache
from trainer.data.connector_cache import ConnectorCache
from trainer.data.dataset import load_sample_file
from trainer.data.pt_files import save_pt
from trainer.files.checkpoint import file_fingerprint, resolve_model_files
from trainer.files.dataset import iter_names
from trainer.model.inputs import Modalities
from trainer.model.text import TextConnectors, load_connectors
from trainer.prepare import parse_options_data


class Loader:
    """Loads the real connectors and counts how often."""

    def __init__(self, world: TinyWorld, modalities: Modalities | None = None) -> None:
        self.files = resolve_model_files(parse_options_data(world.options()))
        self.modalities = modalities or Modalities()
        self.loads = 0

    def __call__(self) -> TextConnectors:
        self.loads += 1
        return load_connectors(self.files, modalities=self.modalities, dtype=torch.float32)


@pytest.fixture
def features(data: Path) -> list[Path]:
    return [path for _, path in iter_names(data / "conditions")]


def test_entries_are_what_the_connectors_give(world: TinyWorld, features: list[Path], tmp_path: Path) -> None:
    loader = Loader(world)
    cache = ConnectorCache(tmp_path, file_fingerprint(world.checkpoint))
    seen: list[tuple[int, int]] = []
    made = cache.build(features, loader, on_progress=lambda done, total: seen.append((done, total)))
    assert (made, loader.loads) == (3, 1)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    table = load_sample_file(features[1])
    video, audio = loader()(
        table["video_prompt_embeds"][None], table["audio_prompt_embeds"][None], table["prompt_attention_mask"][None]
    )
    found = cache.load(features[1])
    assert video is not None
    assert audio is not None
    assert found.video_SD is not None
    assert found.audio_SD is not None
    assert torch.equal(found.video_SD, video[0])
    assert torch.equal(found.audio_SD, audio[0])


def test_a_second_run_loads_no_connectors(world: TinyWorld, features: list[Path], tmp_path: Path) -> None:
    ConnectorCache(tmp_path, "one").build(features, Loader(world))
    again = Loader(world)
    assert ConnectorCache(tmp_path, "one").build(features, again) == 0
    assert again.loads == 0


def test_another_checkpoint_or_caption_is_another_entry(world: TinyWorld, features: list[Path], tmp_path: Path) -> None:
    ConnectorCache(tmp_path / "cache", "one").build(features, Loader(world))
    assert ConnectorCache(tmp_path / "cache", "two").build(features, Loader(world)) == 3
    table = load_sample_file(features[0])
    changed = tmp_path / "changed.pt"
    save_pt(changed, table | {"video_prompt_embeds": table["video_prompt_embeds"] + 1})
    same = tmp_path / "same.pt"
    save_pt(same, table)
    cache = ConnectorCache(tmp_path / "cache", "one")
    assert cache.build([changed, same], Loader(world)) == 1


def test_a_run_of_one_modality_computes_and_stores_only_that(
    world: TinyWorld, features: list[Path], tmp_path: Path
) -> None:
    cache = ConnectorCache(tmp_path, "one", video=True, audio=False)
    assert cache.build(features, Loader(world, Modalities(video=True, audio=False))) == 3
    assert cache.load(features[0]).audio_SD is None
    assert cache.load(features[0]).video_SD is not None
    both = ConnectorCache(tmp_path, "one")
    assert both.build(features, Loader(world)) == 3


def test_a_second_start_reads_no_features(
    world: TinyWorld, features: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ConnectorCache(tmp_path, "one").build(features, Loader(world))
    read: list[Path] = []

    def look(path: Path) -> dict[str, Any]:
        read.append(path)
        return load_sample_file(path)

    monkeypatch.setattr(connector_cache, "load_sample_file", look)
    again = ConnectorCache(tmp_path, "one")
    assert again.build(features, Loader(world)) == 0
    assert read == []
    before = again.load(features[0]).video_SD
    changed = tmp_path / "changed.pt"
    changed.write_bytes(features[0].read_bytes())
    assert again.build([changed], Loader(world)) == 0  # the same caption elsewhere
    torch.save(load_sample_file(features[1]), changed)
    assert again.build([changed], Loader(world)) == 0
    assert read == [changed, changed]
    after = again.load(changed).video_SD
    assert before is not None
    assert after is not None
    assert not torch.equal(after, before)


def test_unreadable_entries_are_made_anew(world: TinyWorld, features: list[Path], tmp_path: Path) -> None:
    ConnectorCache(tmp_path, "one").build(features, Loader(world))
    broken, empty, _ = sorted(tmp_path.glob("*.safetensors"))
    broken.write_bytes(broken.read_bytes()[:100])
    empty.write_bytes(b"")
    cache = ConnectorCache(tmp_path, "one")
    assert cache.build(features, Loader(world)) == 2
    assert all(cache.load(path).video_SD is not None for path in features)


def test_an_entry_that_vanishes_later_is_named(world: TinyWorld, features: list[Path], tmp_path: Path) -> None:
    cache = ConnectorCache(tmp_path, "one")
    cache.build(features, Loader(world))
    for entry in tmp_path.iterdir():
        entry.unlink()
    with pytest.raises(DataError, match="cached caption"):
        cache.load(features[0])


def test_files_that_hold_no_caption_are_refused(world: TinyWorld, data: Path, tmp_path: Path) -> None:
    latents = [path for _, path in iter_names(data / "latents")]
    with pytest.raises(DataError, match="no caption features"):
        ConnectorCache(tmp_path, "one").build(latents, Loader(world))


def test_numbers_that_are_not_finite_are_not_cached(features: list[Path], tmp_path: Path) -> None:
    def broken(video_BSD: Tensor, audio_BSD: Tensor | None, mask_BS: Tensor) -> tuple[Tensor, Tensor]:
        return video_BSD / 0, video_BSD

    with pytest.raises(NumericError):
        ConnectorCache(tmp_path, "one").build(features, lambda: broken)
    assert not list(tmp_path.iterdir())
