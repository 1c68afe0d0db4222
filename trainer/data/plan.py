"""What is to be prepared: the samples of a dataset file, each with its media, size and bucket, before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import DataError, UsageError
from schemas.prepare import PrepareOptions
from trainer.data.buckets import Bucket, check_buckets, choose_bucket
from trainer.data.captions import prompt_of
from trainer.data.probe_cache import ProbeCache
from trainer.data.report import Finding, Report
from trainer.files.checkpoint import ModelFiles, VaeScale, files_vae_scale, resolve_model_files
from trainer.files.datafile import Rows, read_rows
from trainer.files.dataset import PRECOMPUTED
from trainer.files.media import MediaInfo


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One row: ``name`` is the relative path of its prepared files without suffix, ``media`` its files by role."""

    name: str
    line: int
    prompt: str
    media: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything known before the first model is loaded."""

    options: PrepareOptions
    files: ModelFiles
    scale: VaeScale
    root: Path
    """Output root."""
    roles: frozenset[str]
    samples: tuple[Sample, ...]
    buckets: tuple[Bucket, ...]
    sizes: Mapping[str, MediaInfo]
    """By sample name: the probed video, or the audio of a dataset without videos."""
    chosen: Mapping[str, Bucket]
    """By sample name: the bucket of its video."""
    probes: ProbeCache

    def output(self, directory: str, sample: Sample) -> Path:
        """The prepared file of a sample in one directory."""
        return self.file(directory, sample.name)

    def file(self, directory: str, name: str) -> Path:
        """The prepared file of that name in one directory."""
        return self.root / directory / f"{name}.pt"


def make_plan(options: PrepareOptions, report: Report) -> Plan:
    """Read dataset file and headers, probe every clip, choose buckets; what cannot be used goes to the report.

    Raises UsageError for options that contradict each other, DataError for a malformed dataset file, rows that would
    overwrite each other's output, or when nothing can be used; CheckpointError for the model files.
    """
    rows = read_rows(options.dataset_path, caption_column=options.caption_column, video_column=options.video_column)
    _check_roles(options, rows)
    files = resolve_model_files(options)
    scale = files_vae_scale(files)
    buckets = check_buckets(options.resolution_buckets or (), scale)
    for bucket in buckets if "reference_video" in rows.roles else ():
        bucket.reduced(options.reference_downscale_factor, options.reference_temporal_scale_factor, scale)
    _check_collisions(rows)
    samples = _samples(options, rows)
    report.samples = len(samples)
    root = Path(options.output_dir) if options.output_dir else rows.path.absolute().parent / PRECOMPUTED
    probes = ProbeCache(root)
    sizes, chosen = _survey(samples, "video" if "video" in rows.roles else "audio", buckets, report, probes)
    usable = tuple(sample for sample in samples if sample.name in sizes)
    if not usable:
        raise DataError(
            f"none of the {len(samples)} clips can be used",
            where=rows.path,
            why=f"for example {report.dropped[0]}",
            hint="correct the paths or the buckets",
        )
    return Plan(options, files, scale, root, frozenset(rows.roles), usable, buckets, sizes, chosen, probes)


def _check_roles(options: PrepareOptions, rows: Rows) -> None:
    if "video" in rows.roles and not options.resolution_buckets:
        raise UsageError(
            "a dataset with videos needs --resolution-buckets",
            where=rows.path,
            hint='for example --resolution-buckets "960x544x89"',
        )
    for role, needed in (("video_mask", "video"), ("reference_video", "video")):
        if role in rows.roles and needed not in rows.roles:
            raise UsageError(f"a {role} column needs a {needed} column", where=rows.path)


def _check_collisions(rows: Rows) -> None:
    collisions = rows.collisions()
    if collisions:
        shown = "; ".join(f"{one.name} from lines {', '.join(map(str, one.lines))}" for one in collisions[:5])
        raise DataError(
            f"{len(collisions)} prepared files would be written by several rows: {shown}",
            where=rows.path,
            why="the later row would silently replace the earlier one's latents and caption",
            hint="rename one of the files (a.mp4 and a.mov collide), or keep one row for each clip",
        )


def _samples(options: PrepareOptions, rows: Rows) -> tuple[Sample, ...]:
    media_roles = [role for role in rows.roles if role != "caption"]
    return tuple(
        Sample(
            name=str(rows.output_name(row).with_suffix("")),
            line=row.line,
            prompt=prompt_of(
                rows.text(row, "caption"), trigger=options.lora_trigger, strip_opening=options.remove_llm_prefixes
            ),
            media={role: rows.media(row, role) for role in media_roles},
        )
        for row in rows.rows
    )


def _survey(
    samples: Sequence[Sample], role: str, buckets: Sequence[Bucket], report: Report, probes: ProbeCache
) -> tuple[dict[str, MediaInfo], dict[str, Bucket]]:
    """Probe the main media and choose buckets; unusable samples are reported and left out."""
    sizes: dict[str, MediaInfo] = {}
    chosen: dict[str, Bucket] = {}
    for sample in samples:
        path = sample.media[role]
        try:
            info = probes.probe(path)
            if role == "video":
                chosen[sample.name] = _bucket_for(info, path, buckets)
            elif not info.has_audio:
                raise DataError("holds no sound", where=path)
        except DataError as error:
            report.dropped.append(Finding(sample.name, "reading", str(path), error.message))
            continue
        sizes[sample.name] = info
    return sizes, chosen


def _bucket_for(info: MediaInfo, path: Path, buckets: Sequence[Bucket]) -> Bucket:
    if info.kind == "audio":
        raise DataError("holds sound only, a video was expected", where=path)
    bucket = choose_bucket(buckets, info.width, info.height, info.frames)
    if bucket is None:
        raise DataError(too_short(info.frames, buckets), where=path)
    return bucket


def too_short(frames: int, buckets: Sequence[Bucket]) -> str:
    """Why a clip of so many frames has no bucket."""
    return f"too short: {frames} frame{'s' * (frames != 1)}, the shortest bucket needs {min(b.frames for b in buckets)}"
