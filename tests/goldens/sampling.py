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
from safetensors import safe_open
from torch import Tensor

from tests.goldens.comparison import Comparison, compare, wanted
from trainer.files.checkpoint import ModelFiles, VaeScale, files_vae_scale, resolve_model_files
from trainer.model.loading import load_transformer
from trainer.model.transformer import LtxTransformer
from trainer.objective.positions import audio_positions, reference_positions, video_positions
from trainer.objective.state import TokenState, audio_state, video_state
from trainer.objective.tokens import patchify_audio, patchify_video, unpatchify_audio, unpatchify_video
from trainer.validation.guidance import Guidance, Scales
from trainer.validation.sampler import Track, Tracks, predict, sample
from trainer.validation.schedule import sigmas

EXACT: Final = 1e-7
STATE: Final = 1e-6
POSITIONS: Final = 1e-5
PASS: Final = 1e-4
STEPPED: Final = 2e-4

Tensors = Mapping[str, Tensor]


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
    first = predict(model.transformer, tracks, guidance, float(stored[0]), block_count=blocks)
    for modality, found in first.items():
        results = {f"x0_{pass_name}_step1": (value, PASS) for pass_name, value in found.passes.items()}
        results["x0_guided_step1"] = (found.guided, STEPPED)
        results["x0_step1"] = (found.x0, STEPPED)
        for tensor, (value, tolerance) in results.items():
            if f"out.{modality}.{tensor}" in given:
                yield compare(name, f"out.{modality}.{tensor}", value, given[f"out.{modality}.{tensor}"], tolerance)
    for index in range(1, steps + 1):
        part = stored[index - 1 : index + 1]
        tracks = sample(model.transformer, tracks, guidance, part, block_count=blocks)
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
    final = given["out.video.final"]
    fps_B = torch.full((1,), float(case["settings"]["frame_rate"]), dtype=torch.float64)
    frozen = _frozen(case, given, "video_to_audio")
    start = final.new_zeros(final.shape) if frozen is None else frozen
    state = video_state(start, fps_B, model.scale, mark_keyframes=model.marks_keyframes)
    if frozen is None:
        for index, condition in enumerate(case["conditions"]):
            if _target(condition) == "video":
                latents, mask = given[f"in.cond{index}.latents"], given.get(f"in.cond{index}.mask")
                state = _with_video(state, condition, latents, mask, fps_B, model.scale, final.shape)
    return _track(state, given, "video", frozen is not None)


def _with_video(
    state: TokenState,
    condition: Mapping[str, Any],
    latents: Tensor,
    mask: Tensor | None,
    fps_B: Tensor,
    scale: VaeScale,
    shape: torch.Size,
) -> TokenState:
    kind = condition["type"]
    if kind == "reference":
        space, time = condition["downscale_factor"], condition["temporal_scale_factor"]
        grid = video_positions(latents.shape[2], latents.shape[3], latents.shape[4], fps_B / time, scale)
        placed = reference_positions(grid, fps_B, spatial_factor=space, temporal_factor=time)
        return state.add_reference(patchify_video(latents), placed, "behind")
    frames, height, width = shape[2:]
    kept = torch.zeros(1, frames, height, width, dtype=torch.bool)
    clean = latents
    if kind in ("first_frame", "prefix", "suffix"):
        count = latents.shape[2]
        place = slice(frames - count, frames) if kind == "suffix" else slice(count)
        kept[:, place] = True
        clean = latents.new_zeros(shape)
        clean[:, :, place] = latents
    elif kind == "mask" and mask is not None:
        kept = mask > 0.5
    else:
        top, left, bottom, right = (edge // scale.spatial for edge in condition["spatial_region"])
        kept[:, :, top:bottom, left:right] = True
    return state.keep(kept.flatten(1), patchify_video(clean))


def _audio_track(case: Mapping[str, Any], given: Tensors) -> Track | None:
    if "in.audio.context_pos" not in given:
        return None
    final = given["out.audio.final"]
    frozen = _frozen(case, given, "audio_to_video")
    state = audio_state(final.new_zeros(final.shape) if frozen is None else frozen)
    if frozen is None:
        for index, condition in enumerate(case["conditions"]):
            if _target(condition) == "audio":
                latents, mask = given[f"in.cond{index}.latents"], given.get(f"in.cond{index}.mask")
                state = _with_audio(state, condition, patchify_audio(latents), mask)
    return _track(state, given, "audio", frozen is not None)


def _with_audio(state: TokenState, condition: Mapping[str, Any], tokens: Tensor, mask: Tensor | None) -> TokenState:
    kind, count = condition["type"], tokens.shape[1]
    if kind == "reference":
        return state.add_reference(tokens, audio_positions(count, 1), "behind")
    if kind == "mask" and mask is not None:
        return state.keep(mask > 0.5, tokens)
    place = slice(state.count - count, state.count) if kind == "suffix" else slice(count)
    kept = torch.zeros(1, state.count, dtype=torch.bool)
    kept[:, place] = True
    clean = tokens.new_zeros(1, state.count, tokens.shape[2])
    clean[:, place] = tokens
    return state.keep(kept, clean)


def _track(state: TokenState, given: Tensors, modality: str, frozen: bool) -> Track:
    state = state.frozen() if frozen else state.noised(given[f"in.{modality}.noise"][:, : state.count], torch.ones(1))
    positive, negative = given[f"in.{modality}.context_pos"], given[f"in.{modality}.context_neg"]
    return Track(state, positive, negative, frozen)


def _frozen(case: Mapping[str, Any], given: Tensors, kind: str) -> Tensor | None:
    kinds = [condition["type"] for condition in case["conditions"]]
    return given[f"in.cond{kinds.index(kind)}.latents"] if kind in kinds else None


def _target(condition: Mapping[str, Any]) -> str:
    """The modality a condition acts on."""
    if condition["type"] in ("first_frame", "spatial_crop", "video_to_audio"):
        return "video"
    return "audio" if condition.get("video") is None else "video"
