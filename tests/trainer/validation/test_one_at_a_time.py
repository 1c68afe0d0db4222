"""Whatever validation loads beside the transformer is gone before the next thing is loaded."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from schemas import validate
from tests.trainer.validation.conftest import Configure
from trainer.files.checkpoint import ModelFiles
from trainer.model.loading import load_transformer
from trainer.rundir import RunDirectory
from trainer.validation import decoding, encoding, prompts
from trainer.validation.runner import ValidationRunner

LOADERS = (
    (encoding, "load_video_encoder"),
    (prompts, "open_text_encoder"),
    (prompts, "load_extractor"),
    (prompts, "load_connectors"),
    (decoding, "load_video_decoder"),
    (decoding, "load_audio_decoder"),
    (decoding, "load_vocoder"),
)


def test_networks_visit_one_after_the_other(
    configure: Configure, files: ModelFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "first.png"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(picture)
    visits: list[tuple[str, weakref.ref[Any]]] = []
    together: list[tuple[str, list[str]]] = []

    def watched(module: Any, name: str) -> None:
        load = getattr(module, name)

        def loading(*arguments: Any, **named: Any) -> Any:
            gc.collect()
            together.append((name, [other for other, network in visits if network() is not None]))
            network = load(*arguments, **named)
            visits.append((name, weakref.ref(network)))
            return network

        monkeypatch.setattr(module, name, loading)

    for module, name in LOADERS:
        watched(module, name)
    sample = {"prompt": "a red square", "conditions": [{"type": "first_frame", "image_or_video": str(picture)}]}
    config = validate(configure(samples=[sample]).model_dump(mode="json"))
    run = RunDirectory(Path(config.output_dir))
    run.create()
    runner = ValidationRunner(config, files, "cpu", torch.float32, run, None, cache=tmp_path / "cache")
    runner.prepare()
    assert all(network() is None for _, network in visits)  # before the transformer is loaded
    runner.run(load_transformer(files, dtype=torch.float32, quantization="int8-quanto"), 1)
    gc.collect()
    assert [name for name, _ in together] == [name for _, name in LOADERS]
    assert [others for _, others in together] == [[]] * len(LOADERS)
    assert all(network() is None for _, network in visits)
