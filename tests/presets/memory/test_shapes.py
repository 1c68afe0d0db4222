"""Parameter counts and layer names against the headers of the published files."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from presets.memory import PUBLISHED
from presets.memory.shapes import layout
from tests.support.sparse import real_entries

HEADERS = {"2.0": "ltx-2-19b", "2.3": "ltx-2.3-22b", "2.5": "ltx-2.5-22b-transformer"}
COUNTS = {"2.0": 18_876_174_592, "2.3": 18_988_838_144, "2.5": 18_987_859_200}
PREFIX = "model.diffusion_model."


def shapes(name: str) -> dict[str, list[int]]:
    return {key: value[1] for key, value in real_entries(name).items() if key != "__metadata__"}


def total(entries: dict[str, list[int]], *prefixes: str) -> int:
    return sum(math.prod(shape) for key, shape in entries.items() if key.startswith(prefixes))


@pytest.mark.parametrize("family", COUNTS)
def test_all_parameters_are_counted(family: str) -> None:
    assert layout(PUBLISHED[family]).parameters == COUNTS[family]


@pytest.mark.parametrize("family", COUNTS)
def test_linear_layers_are_those_of_the_file(family: str) -> None:
    entries = shapes(HEADERS[family])
    found = layout(PUBLISHED[family])
    ours = {f"transformer_blocks.7.{linear.name}": linear for linear in found.block}
    ours |= {linear.name: linear for linear in found.root}
    theirs = {
        key.removeprefix(PREFIX).removesuffix(".weight"): shape
        for key, shape in entries.items()
        if key.startswith(PREFIX) and key.endswith(".weight") and len(shape) == 2 and "connector" not in key
    }
    theirs = {
        name: shape
        for name, shape in theirs.items()
        if not name.startswith("transformer_blocks.") or name.startswith("transformer_blocks.7.")
    }
    assert {name: [linear.fan_out, linear.fan_in] for name, linear in ours.items()} == theirs
    biased = {name for name, linear in ours.items() if linear.bias}
    assert biased == {name for name in theirs if f"{PREFIX}{name}.bias" in entries}


@pytest.mark.parametrize("family", COUNTS)
def test_a_missing_modality_takes_its_parameters_along(family: str) -> None:
    whole = layout(PUBLISHED[family]).parameters
    halves = layout(PUBLISHED[family], ("video",)).parameters + layout(PUBLISHED[family], ("audio",)).parameters
    bridges = ("audio_to_video_attn", "video_to_audio_attn", "a2v_ca", "av_ca_")
    entries = {key: shape for key, shape in shapes(HEADERS[family]).items() if key.startswith(PREFIX)}
    between = {key: shape for key, shape in entries.items() if any(part in key for part in bridges)}
    assert whole - halves == total(between, PREFIX)


@pytest.mark.parametrize("family", ["2.0", "2.3"])
def test_parts_of_a_unified_file(family: str) -> None:
    entries, parts = shapes(HEADERS[family]), PUBLISHED[family].parts
    assert parts.video_connector == total(entries, PREFIX + "video_embeddings_connector.")
    assert parts.audio_connector == total(entries, PREFIX + "audio_embeddings_connector.")
    assert parts.extractor == total(entries, "text_embedding_projection.")
    assert parts.video_encoder == total(entries, "vae.encoder.")
    assert parts.video_decoder == total(entries, "vae.decoder.")
    assert parts.audio_encoder == total(entries, "audio_vae.encoder.")
    assert parts.audio_decoder == total(entries, "audio_vae.decoder.")
    assert parts.vocoder == total(entries, "vocoder.")


def test_parts_of_the_split_files() -> None:
    parts = PUBLISHED["2.5"].parts
    video, audio = shapes("ltx-2.5-22b-video-vae"), shapes("ltx-2.5-22b-audio-vae")
    text = shapes("ltx-2.5-22b-text-encoder")
    assert parts.video_encoder == total(video, "encoder.")
    assert parts.video_decoder == total(video, "decoder.")
    assert (parts.audio_decoder, parts.vocoder) == (total(audio, "audio_vae.decoder."), total(audio, "vocoder."))
    assert parts.extractor == total(text, "text_embedding_projection.")
    assert parts.text_encoder == total(text, "model.")


def test_depth_is_linear() -> None:
    model = PUBLISHED["2.3"]
    sizes = [layout(replace(model, layers=layers)).parameters for layers in (1, 2, 3)]
    assert sizes[2] - sizes[1] == sizes[1] - sizes[0] == layout(model).block_parameters
