"""``python -m trainer.prepare --options-json JSON``: media and captions become the files that training reads.

Each model is in memory only for its phase. What exists is kept (``--overwrite`` makes everything anew), what cannot be
used is reported, and the exit code is 3 when anything was left out.
"""

from __future__ import annotations

from trainer.process import run_main  # before torch, which reads the environment once

# isort: split

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import ValidationError

from schemas.errors import CheckpointError, DataError, EnvironmentFault, UsageError
from schemas.prepare import PrepareOptions
from trainer.data.decode_check import DECODED, decode_latents
from trainer.data.encode_audio import (
    AUDIO,
    AUDIO_MASKS,
    REFERENCE_AUDIO,
    encode_reference_sounds,
    encode_sounds,
    make_audio_masks,
)
from trainer.data.encode_text import DIRECTORY as CONDITIONS
from trainer.data.encode_text import encode_captions
from trainer.data.encode_video import (
    LATENTS,
    REFERENCES,
    encode_references,
    encode_videos,
    make_video_masks,
    target_bucket,
)
from trainer.data.encode_video import MASKS as VIDEO_MASKS
from trainer.data.phase import Workshop
from trainer.data.plan import Plan, make_plan
from trainer.data.report import Finding, Report, read_settings
from trainer.files.checkpoint import compatibility, file_fingerprint, read_checkpoint, read_text_encoder

Say = Callable[[str], None]
_SETTINGS: Final = (
    "resolution_buckets",
    "lora_trigger",
    "remove_llm_prefixes",
    "audio_durations",
    "reference_downscale_factor",
    "reference_temporal_scale_factor",
    "image_fps",
)
"""Options that change the content of prepared files."""


def prepare(options: PrepareOptions, say: Say = print) -> Report:
    """Prepare a dataset; the report says what was done and dropped, and stands in the output root as JSON.

    Raises WizardError for what prevents any work; see :func:`trainer.data.plan.make_plan`.
    """
    report = Report()
    if options.with_audio:
        report.notes.append(Finding("", "options", "", "--with-audio does nothing: sound is prepared by default"))
    device = choose_device(options.device)
    say(f"reading {options.dataset_path}")
    plan = make_plan(options, report)
    _check_text_encoder(plan, report)
    report.settings.update(_settings(plan))
    _check_same_settings(plan, report.settings)
    _make_root(plan.root)
    plan.probes.save()
    if options.overwrite:
        _clear(plan, report)
    shop = Workshop(plan, report, device, say)
    try:
        for phase in _phases(plan).values():
            phase(shop)
    finally:
        # Also after an interruption: what was done and dropped so far stays known.
        _count_buckets(plan, report)
        path = report.write(plan.root)
    for line in report.lines():
        say(line)
    say(f"report: {path}")
    return report


def choose_device(name: str) -> torch.device:
    """``auto`` is the first CUDA device, else the processor; EnvironmentFault for a device that is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"--device {name}: no such kind of device", hint="auto, cuda, cuda:1 or cpu") from error
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise EnvironmentFault(
            f"--device {name}: there is no such GPU here", hint="use --device auto or --device cpu (slow)"
        )
    return device


def _phases(plan: Plan) -> dict[str, Callable[[Workshop], None]]:
    """What is done, in order, by the directory that it fills."""
    roles, options = plan.roles, plan.options
    sound = "audio" in roles or ("video" in roles and not options.skip_audio)
    phases: list[tuple[bool, str, Callable[[Workshop], None]]] = [
        (True, CONDITIONS, encode_captions),
        ("video" in roles, LATENTS, encode_videos),
        ("reference_video" in roles, REFERENCES, encode_references),
        ("video_mask" in roles, VIDEO_MASKS, make_video_masks),
        (sound, AUDIO, encode_sounds),
        ("reference_audio" in roles, REFERENCE_AUDIO, encode_reference_sounds),
        ("audio_mask" in roles, AUDIO_MASKS, make_audio_masks),
        (options.decode and "video" in roles, DECODED, decode_latents),
    ]
    return {directory: phase for wanted, directory, phase in phases if wanted}


def _clear(plan: Plan, report: Report) -> None:
    """Remove what ``--overwrite`` replaces, all of it first: an interruption then leaves gaps, which the next run
    fills, and never old files beside new ones.
    """
    names = {sample.name for sample in plan.samples} | {finding.name for finding in report.dropped}
    try:
        for directory in _phases(plan):
            for name in names:
                plan.file(directory, name).unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentFault(f"cannot be replaced: {error.strerror or error}", where=plan.root) from error


def _check_text_encoder(plan: Plan, report: Report) -> None:
    encoder = read_text_encoder(plan.options.text_encoder_path)
    mismatch = compatibility(read_checkpoint(plan.files.transformer), encoder)
    if mismatch is None:
        return
    if mismatch.fatal:
        raise CheckpointError(mismatch.message, where=encoder.path, hint=mismatch.hint)
    report.notes.append(Finding("", "text encoder", str(encoder.path), f"{mismatch.message}; {mismatch.hint}"))


def _settings(plan: Plan) -> dict[str, Any]:
    """What the prepared files depend on, as plain data."""
    options = plan.options.model_dump(mode="json")
    return {
        "checkpoint": file_fingerprint(plan.files.transformer),
        "text_encoder": file_fingerprint(plan.options.text_encoder_path),
        **{name: options[name] for name in _SETTINGS},
    }


def _check_same_settings(plan: Plan, settings: Mapping[str, Any]) -> None:
    """Files of two kinds in one directory would train without a word: refuse to add others to those that are there."""
    before = None if plan.options.overwrite else read_settings(plan.root)
    changed = sorted(key for key in settings if before is not None and key in before and before[key] != settings[key])
    if changed:
        raise UsageError(
            f"this directory was prepared with another {', '.join(changed)}",
            where=plan.root,
            why="what exists is kept, so old and new files would be mixed",
            hint="add --overwrite to make everything anew, or choose another --output-dir",
        )


def _make_root(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(f"cannot be created: {error.strerror or error}", where=root) from error


def _count_buckets(plan: Plan, report: Report) -> None:
    """From the files, because a clip may have taken a shorter bucket than its container promised."""
    for sample in plan.samples:
        path = plan.output(LATENTS, sample)
        if not path.exists():
            continue
        try:
            report.buckets[str(target_bucket(plan, sample)[0])] += 1
        except DataError as error:
            report.dropped.append(Finding(sample.name, "videos", str(path), error.message))


def parse_options(text: str) -> PrepareOptions:
    """Options from JSON text; UsageError listing what is wrong."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UsageError(f"the options are not JSON: {error}") from error
    return parse_options_data(data)


def parse_options_data(data: Any) -> PrepareOptions:
    """Options from plain data; UsageError listing what is wrong."""
    try:
        return PrepareOptions.model_validate(data)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc'])) or 'options'}: {one['msg']}" for one in error.errors()]
        raise UsageError("; ".join(problems)) from error


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m trainer.prepare", description=__doc__)
    parser.add_argument("--options-json", required=True, help="all options of `ltx2-wizard prepare` as one JSON object")
    parser.add_argument("--json", action="store_true", help="progress on stderr, the final report as JSON on stdout")
    given = parser.parse_args(arguments)
    return run_main(lambda: _run(given.options_json, given.json))


def _run(options_json: str, as_json: bool) -> int:
    stream = sys.stderr if as_json else sys.stdout
    report = prepare(parse_options(options_json), lambda line: print(line, file=stream, flush=True))
    if as_json:
        print(json.dumps(report.data(), indent=2, ensure_ascii=False))
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
