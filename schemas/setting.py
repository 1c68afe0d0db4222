"""How a field is declared: one call holds its type's bounds and everything a person needs to know about it.

The form, the help, the comments of a written file, ``explain``, the JSON schema and the documentation are all made
from what is said here, so a new field is one edit in one place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, PydanticUndefined

EXTRA: Final = "x-wizard"
"""Key of a field's JSON schema under which the metadata without a standard JSON schema keyword are kept."""

Provider = Literal[
    "audio_file",
    "checkpoint_file",
    "data_directory",
    "directory",
    "file_or_directory",
    "image_or_video_file",
    "lora_modules",
    "mask_file",
    "text_encoder",
    "vae_file",
    "video_file",
]
"""Who can list the possible values on this machine; the form asks it for completions."""


@dataclass(frozen=True, slots=True)
class When:
    """A field matters while the value at ``path`` is (or, negated, is not) one of ``values``."""

    path: str
    values: tuple[Any, ...]
    negated: bool = False

    def holds(self, value: Any) -> bool:
        """Whether ``value``, found at ``path``, makes the field matter."""
        return (value in self.values) is not self.negated

    def __str__(self) -> str:
        shown = " or ".join("null" if value is None else str(value).lower() for value in self.values)
        return f"{self.path} is {'not ' if self.negated else ''}{shown}"


@dataclass(frozen=True, slots=True)
class Meta:
    """What a person needs to know about a field beyond its type, bounds, default, title and description."""

    recommended: Any = None
    unit: str = ""
    advanced: bool = False
    memory: str = ""
    speed: str = ""
    quality: str = ""
    when: tuple[When, ...] = ()
    """The field matters when any of these holds; empty: always."""
    provider: Provider | None = None
    extension: bool = False
    """Ours, unknown upstream: written only when it differs from the default."""
    deprecated: str = ""
    """What to write instead; empty: current."""
    training: bool = True
    """Whether another value trains another model (part of the fingerprint)."""
    multiline: bool = False
    """Text long enough to want an editor of several lines."""
    params: Mapping[str, type[BaseModel]] | None = None
    """Of a dict: what it may hold for each value of the field ``params_by``."""
    params_by: str = ""

    def __call__(self, schema: dict[str, Any]) -> None:
        """Add to a field's JSON schema what the standard keywords leave out; pydantic calls this."""
        effects = [f"{name}: {text}" for name in ("memory", "speed", "quality") if (text := getattr(self, name))]
        schema["description"] = "\n\n".join([schema.get("description", ""), *effects])
        if self.deprecated:
            schema["deprecated"] = True
        said = {name: getattr(self, name) for name in _IN_SCHEMA if getattr(self, name) != getattr(NO_META, name)}
        if self.when:
            said["when"] = [str(condition) for condition in self.when]
        if said:
            schema[EXTRA] = said


_IN_SCHEMA: Final = ("recommended", "unit", "advanced", "provider", "extension", "deprecated", "training")
NO_META: Final = Meta()


def setting(
    default: Any = PydanticUndefined,
    *,
    title: str,
    text: str,
    factory: Any = None,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    min_length: int | None = None,
    example: Any = None,
    recommended: Any = None,
    unit: str = "",
    advanced: bool = False,
    memory: str = "",
    speed: str = "",
    quality: str = "",
    when: tuple[When, ...] | When = (),
    provider: Provider | None = None,
    extension: bool = False,
    deprecated: str = "",
    training: bool = True,
    multiline: bool = False,
    params: Mapping[str, type[BaseModel]] | None = None,
    params_by: str = "",
) -> Any:
    """Declare a field: ``rank: int = setting(64, title="Rank", text="...", ge=2)``; no default means required."""
    meta = Meta(
        recommended=recommended,
        unit=unit,
        advanced=advanced,
        memory=memory,
        speed=speed,
        quality=quality,
        when=(when,) if isinstance(when, When) else when,
        provider=provider,
        extension=extension,
        deprecated=deprecated,
        training=training,
        multiline=multiline,
        params=params,
        params_by=params_by,
    )
    given: dict[str, Any] = {"ge": ge, "gt": gt, "le": le, "lt": lt, "min_length": min_length}
    options = {name: value for name, value in given.items() if value is not None}
    if factory is not None:
        options["default_factory"] = factory
    else:
        options["default"] = default
    if example is not None:
        options["examples"] = [example]
    return Field(title=title, description=text, json_schema_extra=meta, **options)


def meta_of(field: FieldInfo) -> Meta:
    """The metadata given to :func:`setting`; a field declared otherwise has none."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, Meta) else NO_META


class Section(BaseModel):
    """Base of every part of the configuration: closed, immutable, strict about types and finite about numbers."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        validate_default=False,
        protected_namespaces=(),
    )


def fail(message: str, *, hint: str = "", at: str = "", also: tuple[str, ...] = ()) -> NoReturn:
    """Refuse a value inside a validator; ``at`` names a field below the one being validated, ``also`` others there."""
    raise PydanticCustomError("wizard", "{message}", {"message": message, "hint": hint, "at": at, "also": also})


_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")


def _local_path(value: Any) -> Any:
    """A path on this or another machine: text that names something, never an address; ``~`` is expanded."""
    if isinstance(value, Path):
        value = str(value)
    if not isinstance(value, str):
        return value
    if not value.strip():
        fail("the path is empty", hint="give a path; only an optional one may be null")
    if "\0" in value:
        fail("the path holds a NUL character", hint="retype the path")
    if _URL.match(value):
        fail("URLs are not supported: the path must be local", hint="download the file and give its local path")
    return Path(os.path.expanduser(value))  # noqa: PTH111 - Path.expanduser raises for an unknown user


def _number(value: Any) -> Any:
    """Read text such as ``1e-4`` as a number: PyYAML hands exponents without a dot over as text."""
    if isinstance(value, str) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", value):
        return float(value)
    return value


def _count(*words: str) -> BeforeValidator:
    """Demand a whole number from 0 on, or one of ``words``; one message for both."""

    def check(value: Any) -> Any:
        if value in words if isinstance(value, str) else type(value) is int and value >= 0:
            return value
        fail(f"must be a whole number of at least 0, or {' or '.join(words)}")

    return BeforeValidator(check)


_Count = Annotated[int, Field(ge=0)]
AutoCount = Annotated[_Count | Literal["auto"], _count("auto")]
"""How many, or what fits."""
AutoCountOrAll = Annotated[_Count | Literal["auto", "all"], _count("auto", "all")]
LocalPath = Annotated[Path, BeforeValidator(_local_path)]
Number = Annotated[float, BeforeValidator(_number)]
Text = Annotated[str, Field(min_length=1)]
