"""``sampling_ltx*.safetensors`` and ``schedules.safetensors`` (scheduler part): the validation sampler.

Each case gives noise, contexts, encoded conditions and settings, and tells the state before the first step, every
prediction of that step, the state after each step and the final latents. We step with the stored noise levels; our own
are compared with them separately.

Beside the original on purpose: a schedule of one step is [1, 0]; the original's is a rounding accident, so it is not
compared. The original draws in bf16 and keeps bf16 states; these goldens and we use fp32.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import TypeAdapter
from safetensors import safe_open
from torch import Tensor

from schemas.validation_conditions import ValidationCondition, targets
from tests.goldens.comparison import Comparison, compare, wanted
from trainer.files.checkpoint import ModelFiles, VaeScale, files_vae_scale, resolve_model_files
from trainer.model.loading import load_transformer
from trainer.model.transformer import LtxTransformer
from trainer.objective.state import TokenState
from trainer.objective.tokens import unpatchify_audio, unpatchify_video
from trainer.validation.conditions import Given, Start, audio_start, video_start
from trainer.validation.guidance import Guidance, Scales
from trainer.validation.sampler import Track, Tracks, predict, sample
from trainer.validation.schedule import sigmas

EXACT: Final = 1e-7
STATE: Final = 1e-6
POSITIONS: Final = 1e-5
PASS: Final = 1e-4
STEPPED: Final = 2e-4
ALL: Final = 4
"""Passes of a step that go through the transformer as one batch."""

Tensors = Mapping[str, Tensor]
_CONDITION: Final[TypeAdapter[ValidationCondition]] = TypeAdapter(ValidationCondition)


def files(directory: Path) -> list[Path]:
    return sorted([*directory.glob("sampling_ltx*.safetensors"), *directory.glob("schedules.safetensors")])


def run(path: Path, only: str | None) -> Iterator[Comparison]:
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if path.stem == "schedules":
        yield from _schedules(path, tensors, only)
        return
    cases: dict[str, dict[str, Any]] = json.loads(metadata["cases"])
    selected = {name: case for name, case in cases.items() if wanted(only, path, name)}
    if not selected:
        return
    model = _Model.load(path.with_name(metadata["checkpoint"]))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # matrices this small are slower with more, and far slower on a busy machine
    try:
        for name, case in selected.items():
            prefix = f"{name}/"
            own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            yield from _case(model, name, case, own)
    finally:
        torch.set_num_threads(threads)


def _schedules(path: Path, tensors: Tensors, only: str | None) -> Iterator[Comparison]:
    for name, expected in sorted(tensors.items()):
        case, _, steps = name.rpartition("_n")
        if case == "scheduler/default" and int(steps) > 1 and wanted(only, path, "scheduler", name):
            yield compare("scheduler", f"default_n{steps}", sigmas(int(steps)), expected, STATE)


@dataclass(frozen=True, slots=True)
class _Model:
    transformer: LtxTransformer
    scale: VaeScale
    marks_keyframes: bool

    @staticmethod
    def load(checkpoint: Path) -> _Model:
        located: ModelFiles = resolve_model_files(_Paths(str(checkpoint)))
        transformer = load_transformer(located, dtype=torch.float32)
        marks = bool(transformer.config.use_keyframes_abs_pos_embedding)
        return _Model(transformer, files_vae_scale(located), marks)


@dataclass(frozen=True, slots=True)
class _Paths:
    """The part of the model configuration that says where files are."""

    model_path: str
    text_encoder_path: None = None
    video_vae_path: None = None
    audio_vae_path: None = None


def _case(model: _Model, name: str, case: Mapping[str, Any], given: Tensors) -> Iterator[Comparison]:
    settings = case["settings"]
    steps = int(settings["inference_steps"])
    tracks = Tracks(_video_track(model, case, given), _audio_track(case, given))
    guidance = _guidance(settings)
    stored = given["out.sigmas"]
    blocks = len(model.transformer.transformer_blocks)
    yield compare(name, "out.sigmas", sigmas(steps), stored, STATE)
    for modality, track in tracks.present().items():
        yield from _initial(name, modality, track, given)
    first = predict(model.transformer, tracks, guidance, float(stored[0]), block_count=blocks, at_once=ALL)
    for modality, found in first.items():
        results = {f"x0_{pass_name}_step1": (value, PASS) for pass_name, value in found.passes.items()}
        results["x0_guided_step1"] = (found.guided, STEPPED)
        results["x0_step1"] = (found.x0, STEPPED)
        for tensor, (value, tolerance) in results.items():
            if f"out.{modality}.{tensor}" in given:
                yield compare(name, f"out.{modality}.{tensor}", value, given[f"out.{modality}.{tensor}"], tolerance)
    for index in range(1, steps + 1):
        part = stored[index - 1 : index + 1]
        tracks = sample(model.transformer, tracks, guidance, part, block_count=blocks, at_once=ALL)
        for modality, track in tracks.present().items():
            tensor = f"out.{modality}.tokens_step{index}"
            if tensor in given:
                yield compare(name, tensor, track.state.tokens, given[tensor], STEPPED)
    for modality, track in tracks.present().items():
        expected = given[f"out.{modality}.final"]
        yield compare(name, f"out.{modality}.final", _unpatchified(modality, track.state, expected), expected, STEPPED)


def _initial(name: str, modality: str, track: Track, given: Tensors) -> Iterator[Comparison]:
    state = track.state
    found: dict[str, tuple[Tensor | None, float]] = {
        "init_tokens": (state.tokens, STATE),
        "clean_tokens": (state.clean, STATE),
        "denoise_mask": (state.denoise_mask, EXACT),
        "positions": (state.positions, POSITIONS),
        "keyframes_mask": (state.keyframes_mask, EXACT),
    }
    for key, (value, tolerance) in found.items():
        tensor = f"out.{modality}.{key}"
        if value is not None and tensor in given:
            yield compare(name, tensor, value, given[tensor], tolerance)


def _unpatchified(modality: str, state: TokenState, like: Tensor) -> Tensor:
    tokens = state.tokens[:, state.target]
    if modality == "video":
        return unpatchify_video(tokens, *like.shape[2:])
    return unpatchify_audio(tokens, like.shape[1], like.shape[3])


def _guidance(settings: Mapping[str, Any]) -> Guidance:
    def scales(name: str) -> Scales:
        cfg, stg = settings[f"{name}_cfg_scale"], settings[f"{name}_stg_scale"]
        return Scales(cfg, stg, settings[f"{name}_modality_guidance_scale"])

    blocks = settings["stg_blocks"]
    chosen = None if blocks is None else frozenset(int(block) for block in blocks)
    return Guidance(scales("video"), scales("audio"), chosen, settings["guidance_rescale"])


def _video_track(model: _Model, case: Mapping[str, Any], given: Tensors) -> Track | None:
    if "in.video.context_pos" not in given:
        return None
    empty = torch.zeros_like(given["out.video.final"])
    fps, marks = float(case["settings"]["frame_rate"]), model.marks_keyframes
    start = video_start(empty, fps, model.scale, _given(case, given, "video"), mark_keyframes=marks)
    return _track(start, given, "video")


def _audio_track(case: Mapping[str, Any], given: Tensors) -> Track | None:
    if "in.audio.context_pos" not in given:
        return None
    return _track(audio_start(torch.zeros_like(given["out.audio.final"]), _given(case, given, "audio")), given, "audio")


def _given(case: Mapping[str, Any], given: Tensors, modality: str) -> list[Given]:
    """The encoded conditions of a case on one modality."""
    conditions = [_CONDITION.validate_python(condition) for condition in case["conditions"]]
    return [
        Given(condition, given[f"in.cond{index}.latents"], given.get(f"in.cond{index}.mask"))
        for index, condition in enumerate(conditions)
        if targets(condition) == modality
    ]


def _track(start: Start, given: Tensors, modality: str) -> Track:
    state = start.state
    if not start.frozen:
        # The stored noise covers references too; they are clean and never use theirs.
        state = start.noised(given[f"in.{modality}.noise"][:, : state.count])
    return Track(state, given[f"in.{modality}.context_pos"], given[f"in.{modality}.context_neg"], start.frozen)
