from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from schemas.errors import CheckpointError
from tests.goldens.tiny_io import GoldenIo, model_files
from tests.trainer.model.conftest import Change, golden_io
from trainer.files.checkpoint import ModelFiles
from trainer.files.headers import read_header
from trainer.model.inputs import Modalities
from trainer.model.text import load_connectors, load_extractor

Changed = Callable[[str, Change], Path]


def test_features_of_2_0_are_shared_and_later_ones_are_not(golden: GoldenIo, version: str) -> None:
    extractor = load_extractor(golden.files, dtype=torch.float32)
    mask = golden.inputs["text.attention_mask"]
    video, audio = extractor(golden.inputs["text.hidden_states"], mask)
    assert (video is audio) == (version == "2.0")
    assert video.shape == (2, 128, 48 if version == "2.0" else 64)
    assert audio.shape == (2, 128, 48 if version == "2.0" else 32)


def test_padding_reaches_neither_features_nor_context(golden: GoldenIo) -> None:
    extractor, connectors = (
        load_extractor(golden.files, dtype=torch.float32),
        load_connectors(golden.files, dtype=torch.float32),
    )
    states, mask = golden.inputs["text.hidden_states"].float(), golden.inputs["text.attention_mask"]
    assert 0 < mask.sum() < mask.numel()
    noisy = torch.where(mask[:, :, None, None].bool(), states, torch.randn_like(states) * 100)
    plain, changed = extractor(states, mask), extractor(noisy, mask)
    for ours, theirs in zip(connectors(*plain, mask), connectors(*changed, mask), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_connectors_of_one_modality(golden: GoldenIo) -> None:
    mask = golden.inputs["text.attention_mask"]
    video, audio = load_extractor(golden.files, dtype=torch.float32)(golden.inputs["text.hidden_states"], mask)
    only_video = load_connectors(golden.files, modalities=Modalities(audio=False), dtype=torch.float32)
    only_audio = load_connectors(golden.files, modalities=Modalities(video=False), dtype=torch.float32)
    contexts = only_video(video, audio, mask)
    assert contexts[1] is None
    assert contexts[0] is not None
    torch.testing.assert_close(contexts[0], golden.outputs["out.text.video"], rtol=0, atol=1e-5)
    contexts = only_audio(None, audio, mask)
    assert contexts[0] is None
    assert contexts[1] is not None
    torch.testing.assert_close(contexts[1], golden.outputs["out.text.audio"], rtol=0, atol=1e-5)
    assert len(only_video.state_dict()) + len(only_audio.state_dict()) == len(
        load_connectors(golden.files).state_dict()
    )


def test_weights_may_stand_in_a_second_file(tmp_path: Path) -> None:
    """As in the 2.5 release: the configuration and the connectors in one file, the projections in another."""
    golden = golden_io("2.5")
    source = golden.files.transformer
    metadata, tensors = dict(read_header(source).metadata), load_file(source)
    packed = {name: value for name, value in tensors.items() if name.startswith("text_embedding_projection.")}
    rest = {name: value for name, value in tensors.items() if name not in packed}
    first, second = tmp_path / "transformer.safetensors", tmp_path / "packed.safetensors"
    save_file(rest, first, metadata=metadata)
    save_file(packed, second, metadata={"gemma_config": "{}"})
    files = ModelFiles(first, None, None, (first, second), (first, second), second, "packed")
    mask = golden.inputs["text.attention_mask"]
    features = load_extractor(files, dtype=torch.float32)(golden.inputs["text.hidden_states"], mask)
    video, _ = load_connectors(files, dtype=torch.float32)(*features, mask)
    assert video is not None
    torch.testing.assert_close(video, golden.outputs["out.text.video"], rtol=0, atol=1e-5)
    with pytest.raises(CheckpointError, match="packed text encoder"):
        load_extractor(ModelFiles(first, None, None, (first,), (first,), None, None))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("caption_projection_first_linear", True),
        ("caption_proj_input_norm", True),
        ("text_encoder_norm_type", "layer_norm"),
    ],
)
def test_an_extractor_of_another_kind_is_refused(changed: Changed, key: str, value: Any) -> None:
    path = changed("2.3", lambda _, config: config["transformer"].update({key: value}))
    with pytest.raises(CheckpointError, match=key):
        load_extractor(model_files(path))


def test_the_norm_type_is_compared_without_case(changed: Changed) -> None:
    path = changed("2.3", lambda _, config: config["transformer"].update(text_encoder_norm_type="PER_TOKEN_RMS"))
    load_extractor(model_files(path))


def test_an_extractor_for_another_width_is_refused(changed: Changed) -> None:
    def narrow(tensors: dict[str, Tensor], _: dict[str, Any]) -> None:
        for name in ("video", "audio"):
            key = f"text_embedding_projection.{name}_aggregate_embed.weight"
            tensors[key] = tensors[key][:, :-1].contiguous()

    with pytest.raises(CheckpointError, match="not a multiple of caption_channels"):
        load_extractor(model_files(changed("2.3", narrow)))
