"""The prepared dataset: there, complete, readable, and of the shapes the checkpoint takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from schemas.errors import EXIT_DATA, WizardError
from trainer.files.checkpoint import Checkpoint
from trainer.files.dataset import Source
from trainer.files.references import Timing, factors_between, reference_timings
from trainer.files.samples import AudioShape, MaskShape, Shape, TextShape, VideoShape
from trainer.preflight.facts import Facts
from trainer.preflight.problem import Problem, error, from_error, info, warning
from trainer.preflight.rules_model import audio_channels, registers, video_channels

_ROOT: Final = "data.preprocessed_data_root"
_EXPECTED: Final[dict[str, type]] = {
    "text": TextShape,
    "video": VideoShape,
    "audio": AudioShape,
    "video-mask": MaskShape,
    "audio-mask": MaskShape,
}
_PLAIN_WORDS: Final[dict[type, str]] = {
    TextShape: "caption features",
    VideoShape: "video latents",
    AudioShape: "audio latents",
    MaskShape: "a mask",
}
_PREPARE: Final = "run prepare again with the checkpoint of this config"


def some(names: list[str], count: int = 1000) -> str:
    """The first names and how many more there are."""
    rest = len(names) - count
    return ", ".join(names[:count]) + (f" and {rest} more" if rest > 0 else "")


def presence(facts: Facts) -> Iterator[Problem]:
    """Root and directories exist, and every sample has all its files."""
    if not facts.root.is_dir():
        path = facts.config.data.preprocessed_data_root
        yield error(
            "data-root-missing",
            _ROOT,
            f"{path} is not a directory",
            "run prepare, or correct the path",
            exit_code=EXIT_DATA,
        )
        return
    for source in facts.sources:
        if source not in facts.present_sources:
            yield error(
                "data-directory-missing",
                source.field,
                f"{facts.root / source.directory} does not exist",
                "prepare the dataset with the matching column, or correct the name",
                exit_code=EXIT_DATA,
            )
    if not facts.present_sources:
        return
    index = facts.index
    if isinstance(index, WizardError):
        yield from_error(index, "data-unreadable", _ROOT)
        return
    if index.dropped and index.samples:
        shown = [f"{found.name} ({found.reason})" for found in index.dropped]
        yield error(
            "data-incomplete",
            _ROOT,
            f"{len(index.dropped)} of {len(index.dropped) + len(index.samples)} samples lack a file: "
            f"{some(shown, len(shown))}",
            "run prepare again, or move these samples out of the prepared data",
            exit_code=EXIT_DATA,
        )
    if not index.samples:
        what = "no sample is complete" if index.dropped else "there are no prepared samples"
        yield error("data-empty", _ROOT, f"{facts.root}: {what}", "run prepare", exit_code=EXIT_DATA)
    elif len(index.samples) > len(facts.opened):
        yield info("data-sampled", _ROOT, f"{len(facts.opened)} of {len(index.samples)} samples were opened")


def contents(facts: Facts) -> Iterator[Problem]:
    """Every file is readable, of the kind its role needs, and as wide as the checkpoint takes."""
    for source in facts.present_sources:
        broken: list[str] = []
        wrong: dict[str, list[str]] = {}
        for sample in facts.opened:
            shape = sample.shapes[source.role]
            if isinstance(shape, WizardError):
                broken.append(f"{sample.name} ({shape.message})")
            else:
                for message in _faults(facts, source, shape):
                    wrong.setdefault(message, []).append(sample.name)
        if broken:
            yield error(
                "data-unreadable",
                source.field,
                f"{len(broken)} files in {source.directory}/ cannot be used: {some(broken)}",
                "delete them and run prepare again",
                exit_code=EXIT_DATA,
            )
        for message, names in wrong.items():
            yield error(
                "data-shape",
                source.field,
                f"{source.directory}/: {message} ({len(names)} samples: {some(names)})",
                _PREPARE,
                exit_code=EXIT_DATA,
            )


def _faults(facts: Facts, source: Source, shape: Shape) -> Iterator[str]:
    expected = _EXPECTED[source.kind]
    if not isinstance(shape, expected):
        yield f"{_PLAIN_WORDS[type(shape)]} where {_PLAIN_WORDS[expected]} belong"
        return
    checkpoint = facts.sound_checkpoint
    if checkpoint is None:
        return
    if isinstance(shape, TextShape):
        yield from _text_faults(facts, shape)
    else:
        yield from _latent_faults(checkpoint, source, shape)


def _latent_faults(checkpoint: Checkpoint, source: Source, shape: Shape) -> Iterator[str]:
    if isinstance(shape, VideoShape):
        takes = video_channels(checkpoint)
        if takes is not None and shape.channels != takes:
            yield f"latents have {shape.channels} channels, the checkpoint takes {takes}"
    elif isinstance(shape, AudioShape):
        takes = audio_channels(checkpoint)
        if takes is not None and shape.channels * shape.bins != takes:
            yield f"latents have {shape.channels} x {shape.bins} numbers a step, the checkpoint takes {takes}"
    elif isinstance(shape, MaskShape) and len(shape.shape) != (3 if source.kind == "video-mask" else 1):
        yield f"masks of shape {list(shape.shape)} do not belong to {source.kind.partition('-')[0]}"


def _text_faults(facts: Facts, shape: TextShape) -> Iterator[str]:
    for name, used, width in (
        ("video", facts.video, shape.video_width),
        ("audio", facts.audio, shape.audio_width),
    ):
        takes = registers(facts, name) if used else None
        if takes is None:
            continue
        count, wanted = takes
        if width is None:
            yield "caption features hold no audio part, but the strategy trains with audio"
        elif width != wanted:
            yield f"caption features for {name} are {width} wide, the checkpoint takes {wanted}"
        if shape.tokens % count:
            yield f"captions have {shape.tokens} positions, the checkpoint takes multiples of {count}"


def agreement(facts: Facts) -> Iterator[Problem]:
    """Inside a sample: masks and references fit their latents."""
    for source in facts.present_sources:
        if ".conditions[" not in source.role:
            continue
        modality = source.role.partition(".")[0]
        timing = reference_timings(facts.config.training_strategy).get(source.role, "own")
        is_mask = source.kind.endswith("mask")
        rule: Callable[[Shape, Shape], str] = mask_fault if is_mask else partial(reference_fault, timing=timing)
        wrong: dict[str, list[str]] = {}
        for sample in facts.opened:
            own, other = sample.shape(modality), sample.shape(source.role)
            message = "" if own is None or other is None else rule(own, other)
            if message:
                wrong.setdefault(message, []).append(sample.name)
        code = "mask-shape" if is_mask else "reference-shape"
        for message, names in wrong.items():
            yield error(
                code,
                source.field,
                f"{source.directory}/: {message} ({len(names)} samples: {some(names)})",
                "run prepare again so that both come from the same clips",
                exit_code=EXIT_DATA,
            )


def mask_fault(latents: Shape, mask: Shape) -> str:
    """Why a mask does not fit the latents; "" when it does."""
    if not isinstance(mask, MaskShape):
        return ""
    if isinstance(latents, VideoShape):
        wanted: tuple[int, ...] = (latents.frames, latents.height, latents.width)
    elif isinstance(latents, AudioShape):
        wanted = (latents.steps,)
    else:
        return ""
    return "" if mask.shape == wanted else f"masks are {list(mask.shape)}, their latents {list(wanted)}"


def reference_fault(target: Shape, reference: Shape, timing: Timing = "own") -> str:
    """Why a video reference is no whole number of times smaller than its target; "" when it is."""
    if not isinstance(target, VideoShape) or not isinstance(reference, VideoShape):
        return ""
    try:
        factors_between(target, reference, timing)
    except ValueError as fault:
        return str(fault)
    return ""


def batches(facts: Facts) -> Iterator[Problem]:
    """A batch holds clips of one shape: some shape must fill one, and clips that never do are told."""
    size = facts.config.optimization.batch_size
    shapes = {
        sample.name: tuple(_batch_key(shape) for shape in sample.shapes.values() if not isinstance(shape, WizardError))
        for sample in facts.opened
    }
    if not shapes or size == 1:
        return
    counts = Counter(shapes.values())
    biggest = max(counts.values())
    if biggest < size:
        yield error(
            "data-too-few",
            "optimization.batch_size",
            f"a batch of {size} cannot be filled: {len(shapes)} samples, at most {biggest} of one shape",
            f"set it to {biggest} or less, or prepare more clips",
            exit_code=EXIT_DATA,
        )
        return
    left_out = sorted(name for name, shape in shapes.items() if counts[shape] < size)
    if left_out:
        yield warning(
            "data-never-used",
            "optimization.batch_size",
            f"{len(left_out)} samples never fill a batch of {size} because too few share their shape: {some(left_out)}",
            "use batch_size 1, or prepare the clips in one bucket",
        )
    elif len(counts) > 1:
        yield info("data-mixed-shapes", _ROOT, f"{len(counts)} shapes; a batch holds clips of one shape")


def _batch_key(shape: Shape) -> tuple[object, ...]:
    """What must agree inside a batch; frame rates and durations need not."""
    if isinstance(shape, VideoShape):
        return ("video", shape.channels, shape.frames, shape.height, shape.width)
    if isinstance(shape, AudioShape):
        return ("audio", shape.channels, shape.steps, shape.bins)
    if isinstance(shape, TextShape):
        return ("text", shape.tokens, shape.video_width, shape.audio_width)
    return ("mask", shape.shape)


def lengths(facts: Facts) -> Iterator[Problem]:
    """Sound and picture of a sample last equally long, and pictures carry a frame rate of the run."""
    if not (facts.video and facts.audio):
        return
    apart: list[str] = []
    for sample in facts.opened:
        video, audio = sample.shape("video"), sample.shape("audio")
        if isinstance(video, VideoShape) and isinstance(audio, AudioShape) and video.fps:
            seconds = (1 + (video.frames - 1) * facts.scale.temporal) / video.fps
            if abs(audio.steps - seconds * 25) > max(2.0, 0.05 * audio.steps):
                apart.append(f"{sample.name} ({seconds:.2f} s of video, {audio.steps / 25:.2f} s of sound)")
    if apart:
        yield warning(
            "data-length",
            "training_strategy.audio",
            f"{len(apart)} samples have sound of another length than their video: {some(apart)}",
            "run prepare again; it cuts the sound to the clip",
        )
