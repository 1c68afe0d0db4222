"""``prepare``: check the options here, then become the process that loads the encoders."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, get_args

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from schemas.errors import EnvironmentFault, UsageError
from schemas.prepare import PrepareOptions
from schemas.setting import meta_of
from tui.catalog import COMMANDS
from tui.launch import module_command

MODULE = "trainer.prepare"
_DEVICE = "auto"
"""Default of the command: the first GPU, else the processor."""


def flag_of(name: str) -> str:
    """``resolution_buckets`` -> ``--resolution-buckets``."""
    return "--" + name.replace("_", "-")


def _parameters() -> list[click.Parameter]:
    fields = PrepareOptions.model_fields
    parameters: list[click.Parameter] = [click.Argument(["dataset_path"])]
    parameters += [_option(name, field) for name, field in fields.items() if name != "dataset_path"]
    parameters.append(click.Option(["--json", "as_json"], is_flag=True, help="Print the final report as JSON."))
    return parameters


def _option(name: str, field: FieldInfo) -> click.Option:
    """The option of one field. Values are text until the model has checked them, except plain numbers."""
    meta = meta_of(field)
    required = field.is_required()
    if field.annotation is bool:
        return click.Option([flag_of(name)], is_flag=True, help=field.description, hidden=bool(meta.deprecated))
    default = _DEVICE if name == "device" else field.default
    shown = None if required or default is None else default
    kinds = {int, float} & {field.annotation, *get_args(field.annotation)}
    return click.Option(
        [flag_of(name)],
        type=kinds.pop() if kinds else str,
        required=required,
        default=shown,
        show_default=shown is not None,
        help=field.description,
    )


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """The options as plain data for the other process; UsageError naming the flag of each wrong one."""
    given = {name: value for name, value in values.items() if value is not None}
    try:
        return PrepareOptions.model_validate(given).model_dump(mode="json")
    except ValidationError as error:
        raise UsageError("\n".join(_problem(details) for details in error.errors())) from error


def _problem(details: Any) -> str:
    context = details.get("ctx", {})
    place = context.get("at") or (str(details["loc"][0]) if details["loc"] else "")
    hint = f" ({context['hint']})" if context.get("hint") else ""
    return f"{flag_of(place)}: {details['msg']}{hint}" if place else f"{details['msg']}{hint}"


def _run(as_json: bool, **values: Any) -> None:
    options = checked(values)
    arguments = ["--options-json", json.dumps(options), *(["--json"] if as_json else [])]
    words = module_command(MODULE, *arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp(words[0], words)  # noqa: S606 - our own interpreter with an argument list
    except OSError as error:
        raise EnvironmentFault(f"{words[0]} cannot be started: {error.strerror}") from error


command = click.Command(
    "prepare",
    params=_parameters(),
    callback=_run,
    help=COMMANDS["prepare"]
    + "\n\nDATASET_PATH is a .csv, .json or .jsonl file with a caption column and a video or audio column "
    "(also: reference_video, reference_audio, video_mask, audio_mask). Exit code 3 when a clip was dropped or has no "
    "sound; what and why stands in prepare_report.json.",
)
