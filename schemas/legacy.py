"""Keys of older files, read as the current ones.

Two things changed upstream: guidance became one scale per modality, and strategies became one ``flexible`` strategy
with lists of conditions. Each rule here turns the old spelling into the new one, says so in a note, and remembers
where each new value came from, so that a problem is shown at the key the person wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from schemas.errors import FieldProblem
from schemas.legacy_keys import LEGACY_STRATEGIES, LegacyValidationKeys, TextToVideoConfig, VideoToVideoConfig
from schemas.setting import Section, fail
from schemas.wording import problems_of

LEGACY_DEFAULT_STRATEGY: Final[Mapping[str, Any]] = {
    "name": "flexible",
    "video": {
        "is_generated": True,
        "latents_dir": "latents",
        "conditions": [{"type": "first_frame", "probability": 0.1, "skip_stills": True}],
    },
}
"""What a file without ``training_strategy`` has always meant: text_to_video with its defaults."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something read differently from how it was written; the configuration is valid."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


@dataclass(slots=True)
class Migration:
    """A section in current keys, and how it came about. Paths are relative to the section."""

    data: dict[str, Any]
    notes: list[Note] = field(default_factory=list)
    problems: list[FieldProblem] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    """New path -> path as written."""

    def refuse(self, path: str, message: str, hint: str) -> None:
        self.problems.append(FieldProblem(path, message, hint))

    def require(self) -> dict[str, Any]:
        """The data; raises the first problem as a pydantic error."""
        for problem in self.problems:
            fail(problem.message, hint=problem.hint, at=problem.path, also=problem.also)
        return self.data


_RETIRED: Final = tuple(LegacyValidationKeys.model_fields)
_NEUTRAL: Final[Mapping[str, Any]] = {
    "prompts": [],
    "images": None,
    "reference_videos": None,
    "reference_downscale_factor": 1,
    "include_reference_in_output": False,
}


def migrate_validation(data: Mapping[str, Any]) -> Migration:
    """``validation`` in current keys."""
    done = Migration(dict(data))
    if not any(key in data for key in _RETIRED):
        return done
    _migrate_cfg(done)
    _migrate_stg(done)
    _migrate_samples(done)
    return done


def _replace(done: Migration, old: Iterable[str], new: Mapping[str, Any]) -> None:
    """Put the new keys where the first old one stood."""
    retired = set(old)
    result: dict[str, Any] = {}
    for key, value in done.data.items():
        if key not in retired:
            result[key] = value
        elif not new.keys() & result.keys():
            result.update(new)
    done.data = result


def _clash(done: Migration, old: str, new: tuple[str, ...]) -> bool:
    both = [key for key in new if key in done.data]
    if both:
        done.refuse(old, f"{old} is the older spelling of {', '.join(new)}: not both", f"delete {old}")
        _replace(done, [old], {})
    return bool(both)


def _migrate_cfg(done: Migration) -> None:
    new = ("video_cfg_scale", "audio_cfg_scale")
    if "guidance_scale" not in done.data or _clash(done, "guidance_scale", new):
        return
    value = done.data["guidance_scale"]
    _replace(done, ["guidance_scale"], dict.fromkeys(new, value))
    done.origins.update(dict.fromkeys(new, "guidance_scale"))
    done.notes.append(Note("guidance_scale", f"older key, read as {new[0]} and {new[1]}: {value}"))


def _migrate_stg(done: Migration) -> None:
    new = ("video_stg_scale", "audio_stg_scale")
    old = [key for key in ("stg_scale", "stg_mode") if key in done.data]
    if not old:
        return
    clashes = [_clash(done, key, new) for key in old]
    if True in clashes:
        return
    scale, mode = done.data.get("stg_scale", 1.0), done.data.get("stg_mode", "stg_av")
    if mode not in ("stg_av", "stg_v"):
        done.refuse("stg_mode", f"unknown STG mode {mode!r}", "use stg_av (both modalities) or stg_v (video only)")
    values = {new[0]: scale, new[1]: scale if mode == "stg_av" else 0.0}
    _replace(done, old, values)
    done.origins.update(dict.fromkeys(new, old[0]))
    done.notes.append(Note(old[0], f"older key, read as {new[0]}: {scale} and {new[1]}: {values[new[1]]}"))


def _migrate_samples(done: Migration) -> None:
    written = {key: done.data[key] for key in _NEUTRAL if key in done.data}
    changed = {key: value for key, value in written.items() if value != _NEUTRAL[key]}
    try:
        keys = LegacyValidationKeys.model_validate(written)
    except ValidationError as error:
        _replace(done, written, {})
        done.problems.extend(problems_of(error, LegacyValidationKeys))
        return
    prompts = keys.prompts
    for name, files in (("images", keys.images), ("reference_videos", keys.reference_videos)):
        if files is not None and len(files) != len(prompts):
            done.refuse(
                name, f"{len(files)} files for {len(prompts)} prompts", f"give one of {name} per prompt, or use samples"
            )
            _replace(done, written, {})
            return
    if done.data.get("samples"):
        _replace(done, written, {})
        done.notes.extend(Note(key, "older key, ignored because samples are given") for key in changed)
        return
    samples = [_sample(done, keys, index) for index in range(len(prompts))]
    done.data.pop("samples", None)
    _replace(done, written, {"samples": samples})
    done.notes.extend(Note(key, "older key, read as samples") for key in changed)


def _sample(done: Migration, keys: LegacyValidationKeys, index: int) -> dict[str, Any]:
    conditions: list[dict[str, Any]] = []
    origin = f"samples[{index}]"
    done.origins[f"{origin}.prompt"] = f"prompts[{index}]"
    if keys.images is not None:
        conditions.append({"type": "first_frame", "image_or_video": str(keys.images[index])})
        done.origins[f"{origin}.conditions[0].image_or_video"] = f"images[{index}]"
    if keys.reference_videos is not None:
        reference: dict[str, Any] = {"type": "reference", "video": str(keys.reference_videos[index])}
        reference["downscale_factor"] = keys.reference_downscale_factor
        reference["include_in_output"] = keys.include_reference_in_output
        done.origins[f"{origin}.conditions[{len(conditions)}].video"] = f"reference_videos[{index}]"
        conditions.append(reference)
    return {"prompt": keys.prompts[index], "conditions": conditions}


def migrate_strategy(data: Mapping[str, Any]) -> Migration:
    """``training_strategy`` as flexible."""
    done = Migration(dict(data))
    name = data.get("name")
    if name is None and data.keys() & {"video", "audio"}:
        done.data = {"name": "flexible", **{key: value for key, value in data.items() if key != "name"}}
        done.notes.append(Note("name", "missing, read as flexible"))
        return done
    name = "text_to_video" if name is None else name
    legacy = LEGACY_STRATEGIES.get(name) if isinstance(name, str) else None
    if legacy is None:
        return done
    try:
        old = legacy.model_validate({**data, "name": name})
    except ValidationError as error:
        done.problems.extend(problems_of(error, legacy))
        done.data = dict(LEGACY_DEFAULT_STRATEGY)
        return done
    done.data = _text_to_video(old) if isinstance(old, TextToVideoConfig) else _video_to_video(old)
    done.notes.append(Note("name", f"{name} is retired, read as flexible"))
    return done


def _video(p: float, conditions: list[dict[str, Any]]) -> dict[str, Any]:
    # The retired strategies left single frames alone.
    first = [{"type": "first_frame", "probability": p, "skip_stills": True}] if p > 0 else []
    return {"is_generated": True, "latents_dir": "latents", "conditions": [*conditions, *first]}


def _text_to_video(old: TextToVideoConfig) -> dict[str, Any]:
    data: dict[str, Any] = {"name": "flexible", "video": _video(old.first_frame_conditioning_p, [])}
    if old.with_audio:
        data["audio"] = {"is_generated": True, "latents_dir": old.audio_latents_dir, "conditions": []}
        data["shared_sigma"] = True
    return data


def _video_to_video(old: Section) -> dict[str, Any]:
    assert isinstance(old, VideoToVideoConfig)
    reference = {"type": "reference", "latents_dir": old.reference_latents_dir, "timing": "target"}
    return {"name": "flexible", "video": _video(old.first_frame_conditioning_p, [reference])}


def check_legacy_cross(data: Mapping[str, Any]) -> list[FieldProblem]:
    """Rules between sections that only the retired video_to_video strategy has."""
    strategy = data.get("training_strategy")
    if not isinstance(strategy, Mapping) or strategy.get("name") != "video_to_video":
        return []
    problems = []
    model, validation = data.get("model"), data.get("validation")
    if isinstance(model, Mapping) and model.get("training_mode", "lora") != "lora":
        problems.append(
            FieldProblem(
                "training_strategy.name", "video_to_video needs training_mode lora", "set model.training_mode to lora"
            )
        )
    section = validation if isinstance(validation, Mapping) else {}
    if section.get("interval", 100) and not _has_reference(section):
        problems.append(
            FieldProblem(
                "training_strategy.name",
                "video_to_video needs a reference in validation",
                "add a reference condition to a sample, or set validation.interval to null",
            )
        )
    return problems


def _has_reference(validation: Mapping[str, Any]) -> bool:
    if validation.get("reference_videos"):
        return True
    samples = validation.get("samples")
    for sample in samples if isinstance(samples, list) else []:
        conditions = sample.get("conditions") if isinstance(sample, Mapping) else None
        for condition in conditions if isinstance(conditions, list) else []:
            if isinstance(condition, Mapping) and condition.get("type") == "reference":
                return True
    return False


def migrate(data: Mapping[str, Any]) -> Migration:
    """A whole configuration in current keys; paths are those of the whole file."""
    done = Migration(dict(data))
    done.problems.extend(check_legacy_cross(data))
    strategy = data.get("training_strategy")
    if "training_strategy" not in data:
        done.notes.append(Note("training_strategy", "missing: trains video with first_frame at probability 0.1"))
    for name, section, rule in (
        ("training_strategy", strategy, migrate_strategy),
        ("validation", data.get("validation"), migrate_validation),
    ):
        if isinstance(section, Mapping):
            _adopt(done, name, rule(section))
    return done


def _adopt(done: Migration, name: str, part: Migration) -> None:
    done.data[name] = part.data
    done.notes.extend(Note(f"{name}.{note.path}", note.message) for note in part.notes)
    done.problems.extend(FieldProblem(f"{name}.{p.path}", p.message, p.hint) for p in part.problems)
    done.origins.update({f"{name}.{new}": f"{name}.{old}" for new, old in part.origins.items()})
