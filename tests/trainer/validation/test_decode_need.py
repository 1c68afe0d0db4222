"""What decoding takes is what the estimate says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from presets.memory import PUBLISHED, ClipSize
from presets.memory.decoding import decode_bytes
from presets.memory.phases import SOUND_BYTES
from tests.goldens.tiny_io import model_files
from tests.support.sparse import write_real
from tests.trainer.validation.conftest import Configure
from trainer.model.inputs import Modalities
from trainer.validation.decode_need import decoding_bytes
from trainer.validation.plan import SamplePlan, plan_samples
from trainer.validation.space import LatentSpace


def plans(configure: Configure, path: Path, sizes: list[list[int]], modalities: Modalities) -> tuple[SamplePlan, ...]:
    config = configure(samples=[{"prompt": "x", "video_dims": size} for size in sizes]).validation
    config = config.model_copy(update={"generate_video": modalities.video, "generate_audio": modalities.audio})
    space = LatentSpace.of(model_files(path))
    return plan_samples(config, modalities, space.scale, space.blocks)


def test_the_largest_picture_counts_or_the_sound(configure: Configure, tmp_path: Path) -> None:
    path = write_real(tmp_path, "ltx-2.3-22b")
    files, model = model_files(path), PUBLISHED["2.3"]
    both = plans(configure, path, [[576, 576, 49], [960, 544, 89]], Modalities())
    pictures = 2 * model.parts.video_decoder + decode_bytes(model, ClipSize(960, 544, 89))
    assert decoding_bytes(files, both) == pytest.approx(pictures, rel=1e-3)
    sounds = plans(configure, path, [[64, 64, 9]], Modalities(video=False))
    sound = 4 * (model.parts.audio_decoder + model.parts.vocoder) + SOUND_BYTES
    assert decoding_bytes(files, sounds) == pytest.approx(sound, rel=1e-3)


def test_a_model_that_is_not_understood_needs_nothing_beforehand(tmp_path: Path) -> None:
    absent = tmp_path / "none.safetensors"
    assert decoding_bytes(replace(model_files(absent), transformer=absent), ()) == 0
