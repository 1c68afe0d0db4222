"""The kind of a prepared file follows from its content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from schemas.errors import DataError
from tests.support import prepared
from trainer.files.samples import AudioShape, MaskShape, TextShape, VideoShape, describe


def test_kinds(tmp_path: Path) -> None:
    found = describe(prepared.save(tmp_path / "v.pt", prepared.video(7, 18, 17, fps=25.0)))
    assert found == VideoShape(128, 7, 18, 17, 25.0)
    assert found.tokens == 7 * 18 * 17
    assert describe(prepared.save(tmp_path / "a.pt", prepared.audio(51))) == AudioShape(8, 51, 16, 51 / 25)
    assert describe(prepared.save(tmp_path / "t.pt", prepared.text())) == TextShape(4, 4096, 2048)
    assert describe(prepared.save(tmp_path / "u.pt", prepared.text(audio_width=None))) == TextShape(4, 4096, None)
    mask = describe(prepared.save(tmp_path / "m.pt", prepared.video_mask()))
    assert isinstance(mask, MaskShape)
    assert mask.shape == (7, 18, 18)


def test_older_layouts(tmp_path: Path) -> None:
    flat = {"latents": torch.zeros(2 * 3 * 4, 128), "num_frames": 2, "height": 3, "width": 4}
    assert describe(prepared.save(tmp_path / "v.pt", flat)) == VideoShape(128, 2, 3, 4, None)
    one = {"prompt_embeds": torch.zeros(4, 3840), "prompt_attention_mask": torch.ones(4, dtype=torch.int64)}
    assert describe(prepared.save(tmp_path / "t.pt", one)) == TextShape(4, 3840, 3840)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, 2], "no table of named tensors"),
        ({"x": 1}, "it holds x"),
        ({"latents": 3, "num_time_steps": 3}, "no tensor 'latents'"),
        ({**prepared.video(), "num_frames": 8}, "says 8 frames of 18 x 18"),
        ({**prepared.video(), "num_frames": "7"}, "no usable 'num_frames'"),
        ({**prepared.video(), "fps": -1.0}, "no usable 'fps'"),
        ({**prepared.audio(), "num_time_steps": 9}, "says 9 steps of 16 bins"),
        ({**prepared.text(), "prompt_attention_mask": torch.ones(9)}, "4 caption features but 9"),
        ({"prompt_attention_mask": torch.ones(4)}, "no tensor 'prompt_embeds'"),
        ({"mask": torch.zeros(2, 2)}, "impossible shape"),
        ({"mask": torch.zeros(0)}, "impossible shape"),
    ],
)
def test_contradictions(tmp_path: Path, value: Any, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        describe(prepared.save(tmp_path / "x.pt", value))
