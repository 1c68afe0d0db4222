"""How much smaller and sparser references are than their targets, found out from the prepared files themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from schemas.conditions import ReferenceCondition
from schemas.errors import DataError
from trainer.files.dataset import DatasetIndex, Sample, condition_role
from trainer.files.samples import VideoShape, describe

if TYPE_CHECKING:
    from schemas.strategy import FlexibleStrategyConfig

Timing = Literal["own", "target"]


@dataclass(frozen=True, slots=True)
class ReferenceFactors:
    """A reference has 1 / ``spatial`` of its target's rows and columns, and one frame for ``temporal`` of its own."""

    spatial: int = 1
    temporal: int = 1

    def __str__(self) -> str:
        return f"{self.spatial} times smaller and {self.temporal} times sparser"


class Pair(NamedTuple):
    """A target and its reference; ``where`` is the reference's file."""

    where: Path
    target: VideoShape
    reference: VideoShape
    timing: Timing


def factors_between(target: VideoShape, reference: VideoShape, timing: Timing = "own") -> ReferenceFactors:
    """Factors of one pair. With ``timing`` "target" the number of frames is left out of account.

    Raises ValueError saying why no whole factors exist.
    """
    fault = ValueError(
        f"references of {reference.frames} x {reference.height} x {reference.width} do not go with targets of "
        f"{target.frames} x {target.height} x {target.width} (latent frames x height x width)"
    )
    spatial = target.height // reference.height
    if spatial < 1 or (reference.height * spatial, reference.width * spatial) != (target.height, target.width):
        raise fault
    if timing == "target" or reference.frames == target.frames:
        return ReferenceFactors(spatial)
    # The first latent frame stands for one frame of the clip, so the spacing counts from the second on.
    if not 1 < reference.frames < target.frames or (target.frames - 1) % (reference.frames - 1):
        raise fault
    return ReferenceFactors(spatial, (target.frames - 1) // (reference.frames - 1))


def reference_factors(strategy: FlexibleStrategyConfig, index: DatasetIndex) -> Mapping[str, ReferenceFactors]:
    """Factors of every video reference of a run, by role, found out from all its samples.

    Raises DataError as ``common_factors`` does.
    """
    timings = reference_timings(strategy)
    pairs = (_pair(sample, role, timing) for role, timing in timings.items() for sample in index.samples)
    return dict.fromkeys(timings, common_factors(pairs))


def reference_timings(strategy: FlexibleStrategyConfig) -> dict[str, Timing]:
    """Roles of the video references and how each is placed in time."""
    conditions = strategy.video.conditions if strategy.video else ()
    return {
        condition_role("video", number): condition.timing
        for number, condition in enumerate(conditions)
        if isinstance(condition, ReferenceCondition)
    }


def _pair(sample: Sample, role: str, timing: Timing) -> Pair:
    path = sample.files[role]
    target, reference = describe(sample.files["video"]), describe(path)
    if not isinstance(target, VideoShape) or not isinstance(reference, VideoShape):
        raise DataError("holds no video latents", where=path, hint="correct latents_dir of the reference")
    return Pair(path, target, reference, timing)


def common_factors(pairs: Iterable[Pair]) -> ReferenceFactors:
    """The factors of all pairs; 1 and 1 when there are none.

    Raises DataError naming every file that has no whole factors, or else every one that has other factors than most: a
    LoRA file tells its readers one pair of factors.
    """
    wrong: list[str] = []
    moving: dict[ReferenceFactors, list[Path]] = {}
    stills: dict[ReferenceFactors, list[Path]] = {}
    for pair in pairs:
        try:
            own = factors_between(pair.target, pair.reference, pair.timing)
        except ValueError as error:
            wrong.append(f"{pair.where}: {error}")
            continue
        # A still has no spacing in time: it goes with any temporal factor.
        (moving if pair.target.frames > 1 else stills).setdefault(own, []).append(pair.where)
    if wrong:
        raise DataError("; ".join(wrong), hint="prepare references with one whole downscale and temporal factor")
    most = max(moving or stills, key=lambda factors: len((moving or stills)[factors]), default=ReferenceFactors())
    unlike = {factors: paths for factors, paths in moving.items() if factors != most}
    for factors, paths in stills.items():
        if factors.spatial != most.spatial:
            unlike[factors] = [*unlike.get(factors, []), *paths]
    if unlike:
        told = [f"those of {', '.join(map(str, paths))} are {factors}" for factors, paths in unlike.items()]
        raise DataError(
            f"most references are {most}; {'; '.join(told)}",
            why="a LoRA is used with one pair of factors for all its references",
            hint="prepare all references with the same downscale and temporal factor",
        )
    return most


def factor_metadata(strategy: FlexibleStrategyConfig, factors: Mapping[str, ReferenceFactors]) -> dict[str, str]:
    """What an exported file tells its readers about references, under the names they look for.

    With timing "target", as the retired video_to_video strategy had it, the downscale factor is always told.
    """
    if not factors:
        return {}
    pair = next(iter(factors.values()))
    if set(reference_timings(strategy).values()) == {"target"}:
        return {"reference_downscale_factor": str(pair.spatial)}
    told: dict[str, str] = {}
    if pair.spatial != 1:
        told |= dict.fromkeys(("reference_downscale_factor", "reference_spatial_scale_factor"), str(pair.spatial))
    if pair.temporal != 1:
        told["reference_temporal_scale_factor"] = str(pair.temporal)
    return told
