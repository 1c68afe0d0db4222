"""``*_io.safetensors``: every network of a tiny checkpoint, against the original implementation in fp32."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.goldens.comparison import Comparison, compare, wanted
from trainer.files.checkpoint import ModelFiles
from trainer.model.inputs import ModalityInput, Perturbation
from trainer.model.loading import (
    LtxTransformer,
    load_audio_decoder,
    load_audio_encoder,
    load_connectors,
    load_extractor,
    load_transformer,
    load_video_decoder,
    load_video_encoder,
    load_vocoder,
)
from trainer.model.vae import DiffusionVideoDecoder

TOLERANCE: Final = 1e-5
DIFFUSION_TOLERANCE: Final = 1e-4
REFERENCE_THREADS: Final = 2
"""The references were made with two threads. The kernels torch picks for another number round differently, by up to
1.2e-5 after the vocoder's bandwidth extension (whose fp32 rounding alone is 0.8e-5 away from float64)."""
_BOTH: Final = ("video", "audio")


def files(directory: Path) -> list[Path]:
    """Golden files that have their checkpoint beside them."""
    return [path for path in sorted(directory.glob("*_io.safetensors")) if checkpoint_beside(path).exists()]


def checkpoint_beside(path: Path) -> Path:
    return path.with_name(path.name.replace("_io.safetensors", "_checkpoint.safetensors"))


def model_files(checkpoint: Path) -> ModelFiles:
    """A unified checkpoint as the place of every part."""
    return ModelFiles(
        transformer=checkpoint,
        video_vae_file=checkpoint,
        audio_vae_file=checkpoint,
        connectors=(checkpoint,),
        extractor=(checkpoint,),
        text_encoder=None,
        text_encoder_kind=None,
    )


def run(path: Path, only: str | None) -> Iterator[Comparison]:
    """All reference outputs of one file; an output that no computation here stands for is reported as failed."""
    golden = GoldenIo(path)
    seen: set[str] = set()
    for case, compute in golden.cases().items():
        tensors = [name for name in golden.outputs if name.startswith(f"out.{case}.")]
        seen.update(tensors)
        tensors = [name for name in tensors if wanted(only, path, case, name)]
        if not tensors:
            continue
        with reference_threads(), torch.no_grad():
            ours = compute()
        for name in tensors:
            tensor = name.removeprefix(f"out.{case}.")
            tolerance = DIFFUSION_TOLERANCE if tensor in ("stage4_context", "video_sub3") else TOLERANCE
            yield compare(case, tensor, ours[tensor], golden.outputs[name], tolerance)
    for name in sorted(golden.outputs.keys() - seen):
        case, _, tensor = name.removeprefix("out.").partition(".")
        if wanted(only, path, case, name):
            yield Comparison(case, tensor, float("inf"), float("inf"), TOLERANCE, "abs", ok=False)


@contextmanager
def reference_threads() -> Iterator[None]:
    """Compute with the number of threads the references were made with."""
    before = torch.get_num_threads()
    torch.set_num_threads(REFERENCE_THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class GoldenIo:
    """Inputs and reference outputs of one checkpoint, and our computation of each case."""

    def __init__(self, path: Path) -> None:
        tensors = load_file(path)
        self.inputs = {name.removeprefix("in."): value for name, value in tensors.items() if name.startswith("in.")}
        self.outputs = {name: value for name, value in tensors.items() if name.startswith("out.")}
        self.files = model_files(checkpoint_beside(path))

    def cases(self) -> dict[str, Callable[[], dict[str, Tensor]]]:
        names = {name.split(".")[1] for name in self.outputs}
        known: dict[str, Callable[[], dict[str, Tensor]]] = {
            "text": self._text,
            "vae": self._vae,
            "audio_vae": self._audio_vae,
            "vocoder": self._vocoder,
        }
        for name in sorted(names):
            if name == "transformer" or name.startswith("transformer_"):
                known[name] = self._transformer_case(name.removeprefix("transformer").removeprefix("_"))
        return {name: compute for name, compute in known.items() if name in names}

    @cached_property
    def transformer(self) -> LtxTransformer:
        return load_transformer(self.files, dtype=torch.float32)

    def modality(self, name: str, *, masked: bool = False, self_mask: bool = False) -> ModalityInput:
        """The stored input of "video" or "audio"."""

        def tensor(suffix: str) -> Tensor:
            return self.inputs[f"transformer.{name}{suffix}"]

        return ModalityInput(
            latent_BNC=tensor(""),
            sigma_B=tensor("_sigma"),
            timesteps_BN=tensor("_timesteps"),
            positions_BANE=tensor("_positions"),
            context_BSD=tensor("_context"),
            context_mask_BS=self.inputs["transformer.context_mask"] if masked else None,
            attention_mask_BNN=self.inputs.get(f"transformer.{name}_self_attention_mask") if self_mask else None,
        )

    def _transformer_case(self, kind: str) -> Callable[[], dict[str, Tensor]]:
        def compute() -> dict[str, Tensor]:
            masked, self_mask = kind == "masked", kind == "selfmask"
            video = self.modality("video", masked=masked, self_mask=self_mask)
            audio = self.modality("audio", masked=masked, self_mask=self_mask)
            if kind == "keyframes":
                video = replace(video, keyframes_mask_BN1=self.inputs["transformer.keyframes_mask"])
            outputs = self.transformer(
                None if kind == "audio_only" else video, None if kind == "video_only" else audio, _perturbation(kind)
            )
            return {name: output for name, output in zip(_BOTH, outputs, strict=True) if output is not None}

        return compute

    def _text(self) -> dict[str, Tensor]:
        mask = self.inputs["text.attention_mask"]
        extractor = load_extractor(self.files, dtype=torch.float32)
        connectors = load_connectors(self.files, dtype=torch.float32)
        video, audio = connectors(*extractor(self.inputs["text.hidden_states"], mask), mask)
        assert video is not None
        assert audio is not None
        return {"video": video, "audio": audio, "mask": torch.ones_like(mask)}

    def _vae(self) -> dict[str, Tensor]:
        found = {"latent": load_video_encoder(self.files, dtype=torch.float32).encode(self.inputs["vae.video"])}
        decoder = load_video_decoder(self.files, dtype=torch.float32)
        latent = self.inputs["vae.latent"]
        if not isinstance(decoder, DiffusionVideoDecoder):
            return {**found, "video_sub2": decoder.decode(latent)[..., ::2, ::2]}
        context, video = decoder.step(latent, self.inputs["vae.noise_int8_x32"].float() / 32)
        return {**found, "stage4_context": context[:, ::2, ::2, ::2], "video_sub3": video[..., ::3, ::3]}

    def _audio_vae(self) -> dict[str, Tensor]:
        return {
            "latent": load_audio_encoder(self.files).encode(self.inputs["audio_vae.mel"]),
            "mel": load_audio_decoder(self.files).decode(self.inputs["audio_vae.latent"]),
        }

    def _vocoder(self) -> dict[str, Tensor]:
        return {"wave": load_vocoder(self.files)(self.inputs["vocoder.mel"])}


def _perturbation(kind: str) -> Perturbation | None:
    """``stgN`` skips self-attention in block N, ``stgN_videoonly`` in video only, ``isolated`` cuts the modalities."""
    if kind == "isolated":
        return Perturbation(isolate=True)
    match = re.fullmatch(r"stg(\d+)(_videoonly|_audioonly)?", kind)
    if match is None:
        return None
    blocks, none = frozenset({int(match[1])}), frozenset[int]()
    return Perturbation(
        video_self_blocks=none if match[2] == "_audioonly" else blocks,
        audio_self_blocks=none if match[2] == "_videoonly" else blocks,
    )
