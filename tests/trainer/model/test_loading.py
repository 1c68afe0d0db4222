"""Loading from official files: at real size on the meta device, and with faults really put into the file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from schemas.errors import CheckpointError
from tests.goldens.tiny_io import model_files
from tests.support.sparse import Entries, write_real
from tests.trainer.model.conftest import GOLDEN, Change
from trainer.files.checkpoint import ModelFiles
from trainer.model.inputs import Modalities
from trainer.model.loading import (
    load_audio_decoder,
    load_audio_encoder,
    load_connectors,
    load_extractor,
    load_transformer,
    load_video_decoder,
    load_video_encoder,
    load_vocoder,
)

Changed = Callable[[str, Change], Path]
META: dict[str, Any] = {"device": "meta"}
BLOCK = "model.diffusion_model.transformer_blocks.1."


def real_files(directory: Path, release: str) -> ModelFiles:
    """Files of a published release at their full size, without weights."""
    if release != "2.5":
        return model_files(write_real(directory, {"2.0": "ltx-2-19b", "2.3": "ltx-2.3-22b"}[release]))
    transformer = write_real(directory, "ltx-2.5-22b-transformer")
    encoder = write_real(directory, "ltx-2.5-22b-text-encoder")
    return ModelFiles(
        transformer=transformer,
        video_vae_file=write_real(directory, "ltx-2.5-22b-video-vae"),
        audio_vae_file=write_real(directory, "ltx-2.5-22b-audio-vae"),
        connectors=(transformer, encoder),
        extractor=(transformer, encoder),
        text_encoder=encoder,
        text_encoder_kind="packed",
    )


def parameters(module: torch.nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())


@pytest.mark.parametrize(
    ("release", "transformer", "connectors", "extractor"),
    [
        ("2.0", 18_876_174_592, 708_940_800, 722_534_400),
        ("2.3", 18_988_838_144, 2_016_166_400, 1_156_061_184),
        ("2.5", 18_987_859_200, 2_016_166_400, 1_156_061_184),
    ],
)
def test_every_part_of_the_published_releases_fits_at_real_size(
    tmp_path: Path, release: str, transformer: int, connectors: int, extractor: int
) -> None:
    """Strict: nothing missing, nothing left over, every shape equal; parameter counts as published."""
    files = real_files(tmp_path, release)
    assert parameters(load_transformer(files, **META)) == transformer
    assert parameters(load_connectors(files, **META)) == connectors
    assert parameters(load_extractor(files, **META)) == extractor
    for load in (load_video_encoder, load_video_decoder, load_audio_encoder, load_audio_decoder):
        assert parameters(load(files, **META)) > 1_000_000
    vocoder = load_vocoder(files, **META)
    assert parameters(vocoder) > 1_000_000
    assert vocoder.sample_rate == (24000 if release == "2.0" else 48000)


def test_the_convolutional_vae_file_of_2_5_fits(tmp_path: Path) -> None:
    files = model_files(write_real(tmp_path, "ltx-2.5-22b-video-vae-conv"))
    decoder = load_video_decoder(files, **META)
    assert parameters(load_video_encoder(files, **META)) + parameters(decoder) == 726_105_969
    assert (decoder.channels, decoder.scale.spatial, decoder.scale.temporal) == (128, 32, 8)


def test_one_modality_at_real_size(tmp_path: Path) -> None:
    files = real_files(tmp_path, "2.3")
    video = parameters(load_transformer(files, modalities=Modalities(audio=False), **META))
    audio = parameters(load_transformer(files, modalities=Modalities(video=False), **META))
    assert 12.8e9 < video < 13.5e9
    assert 3.2e9 < audio < 3.5e9
    assert video + audio < 18_988_838_144
    connectors = load_connectors(files, modalities=Modalities(audio=False), **META)
    assert connectors.audio_connector is None
    assert not any("audio" in name for name in connectors.state_dict())


def test_both_forms_of_2_5_prompt_modulation(changed: Changed, tmp_path: Path) -> None:
    """The stored checkpoint goes without it, the published files have it; each only with the matching configuration."""

    def grow(tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
        for prefix, width in (("", 64), ("audio_", 32)):
            root = f"model.diffusion_model.{prefix}prompt_adaln_single."
            tensors[root + "emb.timestep_embedder.linear_1.weight"] = torch.ones(width, 256, dtype=torch.bfloat16)
            tensors[root + "emb.timestep_embedder.linear_1.bias"] = torch.ones(width, dtype=torch.bfloat16)
            tensors[root + "emb.timestep_embedder.linear_2.weight"] = torch.ones(width, width, dtype=torch.bfloat16)
            tensors[root + "emb.timestep_embedder.linear_2.bias"] = torch.ones(width, dtype=torch.bfloat16)
            tensors[root + "linear.weight"] = torch.ones(2 * width, width, dtype=torch.bfloat16)
            tensors[root + "linear.bias"] = torch.ones(2 * width, dtype=torch.bfloat16)
        del config["transformer"]["use_prompt_adaln_single"]

    assert hasattr(load_transformer(model_files(changed("2.5", grow))), "prompt_adaln")

    def claim(_: dict[str, Tensor], config: dict[str, Any]) -> None:
        del config["transformer"]["use_prompt_adaln_single"]

    def deny(tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
        grow(tensors, config)
        config["transformer"]["use_prompt_adaln_single"] = False

    for change in (claim, deny):
        with pytest.raises(CheckpointError, match="use_prompt_adaln_single"):
            load_transformer(model_files(changed("2.5", change)))


def drop(key: str) -> Change:
    return lambda tensors, _: tensors.pop(key)


def add(key: str) -> Change:
    return lambda tensors, _: tensors.update({key: torch.zeros(3)})


def reshape(key: str) -> Change:
    return lambda tensors, _: tensors.update({key: torch.zeros(3, 5)})


FAULTS: list[tuple[Callable[..., object], str]] = [
    (load_transformer, BLOCK + "audio_attn1.to_q.weight"),
    (load_transformer, "model.diffusion_model.proj_out.bias"),
    (load_connectors, "model.diffusion_model.audio_embeddings_connector.learnable_registers"),
    (load_extractor, "text_embedding_projection.audio_aggregate_embed.bias"),
    (load_video_encoder, "vae.encoder.conv_out.conv.weight"),
    (load_video_encoder, "vae.per_channel_statistics.std-of-means"),
    (load_video_decoder, "vae.decoder.up_blocks.8.res_blocks.0.conv1.conv.weight"),
    (load_audio_encoder, "audio_vae.encoder.conv_in.conv.weight"),
    (load_audio_decoder, "audio_vae.per_channel_statistics.mean-of-means"),
    (load_vocoder, "vocoder.mel_stft.mel_basis"),
    (load_vocoder, "vocoder.bwe_generator.conv_pre.bias"),
]


@pytest.mark.parametrize(("load", "key"), FAULTS)
def test_a_missing_or_misshapen_tensor_is_named(changed: Changed, load: Callable[..., object], key: str) -> None:
    for change, word in ((drop(key), "lacks"), (reshape(key), "has the shape \\[3, 5\\]")):
        path = changed("2.3", change)
        with pytest.raises(CheckpointError, match=word) as fault:
            load(model_files(path))
        assert key in str(fault.value)
        assert path.name in str(fault.value)


@pytest.mark.parametrize(
    ("load", "key"),
    [
        (load_transformer, "model.diffusion_model.surprise"),
        (load_transformer, BLOCK + "attn1.to_q.weight_scale_inverse"),
        (load_connectors, "model.diffusion_model.video_embeddings_connector.transformer_1d_blocks.1.attn1.to_q.bias"),
        (load_extractor, "text_embedding_projection.surprise"),
        (load_video_encoder, "vae.encoder.surprise"),
        (load_video_encoder, "vae.per_channel_statistics.surprise"),
        (load_video_decoder, "vae.decoder.surprise"),
        (load_audio_encoder, "audio_vae.encoder.surprise"),
        (load_audio_decoder, "audio_vae.per_channel_statistics.surprise"),
        (load_vocoder, "vocoder.surprise"),
    ],
)
def test_a_tensor_without_a_place_is_named(changed: Changed, load: Callable[..., object], key: str) -> None:
    path = changed("2.3", add(key))
    with pytest.raises(CheckpointError, match="no place") as fault:
        load(model_files(path))
    assert key in str(fault.value)
    assert path.name in str(fault.value)


def test_known_spare_tensors_are_allowed(changed: Changed) -> None:
    def spare(tensors: dict[str, Tensor], _: dict[str, Any]) -> None:
        for name in ("channel", "mean-of-stds", "mean-of-stds_over_std-of-means"):
            tensors[f"vae.per_channel_statistics.{name}"] = torch.zeros(16)
        tensors["vae.decoder.type_emb"] = torch.zeros(16)

    files = model_files(changed("2.5", spare))
    load_video_encoder(files)
    load_video_decoder(files)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["transformer"].update(num_layers=3), "num_layers|3 blocks"),
        (lambda c: c["transformer"].update(apply_gated_attention=False), "to_gate_logits"),
        (lambda c: c["transformer"].update(attention_head_dim=32), "shape"),
        (lambda c: c["transformer"].pop("av_ca_timestep_scale_multiplier"), "av_ca_timestep_scale_multiplier"),
        (lambda c: c["transformer"].pop("rope_type"), "rope_type"),
        (lambda c: c["transformer"].pop("frequencies_precision"), "frequencies_precision"),
        (lambda c: c["transformer"].pop("positional_embedding_theta"), "positional_embedding_theta"),
        (lambda c: c["transformer"].pop("norm_eps"), "norm_eps"),
        (lambda c: c["transformer"].update(rope_type="interleaved"), "split"),
        (lambda c: c["transformer"].update(norm_eps="small"), "a number"),
        (lambda c: c["transformer"].update(num_layers=2.5), "whole number"),
        (lambda c: c["transformer"].update(ff_bias="yes"), "true or false"),
        (lambda c: c["transformer"].update(positional_embedding_max_pos=[20]), "3 whole numbers"),
        (lambda c: c["transformer"].update(audio_num_attention_heads=2), "audio_num_attention_heads"),
        (lambda c: c["transformer"].update(dropout=0.1), "dropout"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(
    changed: Changed, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    path = changed("2.3", lambda _, config: change(config))
    with pytest.raises(CheckpointError, match=said) as fault:
        load_transformer(model_files(path))
    assert path.name in str(fault.value)


def test_connector_positions_are_never_guessed(changed: Changed) -> None:
    path = changed("2.3", lambda _, config: config["transformer"].pop("connector_positional_embedding_max_pos"))
    with pytest.raises(CheckpointError, match="connector_positional_embedding_max_pos"):
        load_connectors(model_files(path))


def test_quantised_weights_are_refused_with_the_reason(changed: Changed, tmp_path: Path) -> None:
    key = BLOCK + "attn1.to_q.weight"

    def quantise(tensors: dict[str, Tensor], _: dict[str, Any]) -> None:
        tensors[key] = tensors[key].to(torch.float8_e4m3fn)
        tensors[BLOCK + "attn1.to_q.weight_scale"] = torch.ones(())

    with pytest.raises(CheckpointError, match=r"quantised \(fp8\).*plain bf16"):
        load_transformer(model_files(changed("2.3", quantise)))

    def round_all(entries: Entries) -> None:
        for name in entries:
            if name.endswith("attn1.to_q.weight"):
                entries[name] = ["I8", entries[name][1]]

    with pytest.raises(CheckpointError, match="int8"):
        load_transformer(model_files(write_real(tmp_path, "ltx-2.3-22b", round_all)), **META)


def test_dtype_and_device_are_as_asked_and_frozen() -> None:
    files = model_files(GOLDEN / "ltx2.3_tiny_checkpoint.safetensors")
    for dtype in (torch.float32, torch.bfloat16):
        model = load_transformer(files, dtype=dtype)
        assert {value.dtype for value in model.state_dict().values()} == {dtype}
        assert not any(value.requires_grad for value in model.parameters())
        assert not any(module.training for module in model.modules())


LOAD = """
import resource, sys, threading, time
from pathlib import Path
import torch
from tests.goldens.tiny_io import model_files
from trainer.model.loading import load_transformer

def anonymous():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024

peak, running = [0], [True]
def watch():
    while running[0]:
        peak[0] = max(peak[0], anonymous())
        time.sleep(0.002)

before = anonymous()
thread = threading.Thread(target=watch); thread.start()
model = load_transformer(model_files(Path(sys.argv[1])), dtype=torch.bfloat16)
running[0] = False; thread.join()
print(peak[0] - before, sum(value.nbytes for value in model.state_dict().values()))
"""


@pytest.mark.slow
def test_loading_never_holds_a_second_copy_in_memory(tmp_path: Path) -> None:
    """A transformer of 2.3 with two blocks of real width: the anonymous memory grows by its own size only."""

    def two_blocks(entries: Entries) -> None:
        for name in list(entries):
            parts = name.split(".")
            if "transformer_blocks" in name and int(parts[3]) > 1:
                del entries[name]
        entries["__metadata__"]["config"] = entries["__metadata__"]["config"].replace(
            '"num_layers": 48', '"num_layers": 2'
        )

    path = write_real(tmp_path, "ltx-2.3-22b", two_blocks)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, check=True, timeout=300
    )
    grown, size = map(int, done.stdout.split())
    assert size > 1.5e9
    assert grown < size + 0.3e9
