"""What a text encoder is (a Gemma folder or a packed file) and whether a checkpoint was trained with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from schemas.errors import CheckpointError, EnvironmentFault
from trainer.files.components import TextEncoderKind, text_encoder_location
from trainer.files.headers import read_header
from trainer.files.model_file import EXTRACTOR_PREFIX, Checkpoint, metadata_object, version_tuple

_GEMMA_3: Final = frozenset({"gemma3", "gemma3_text"})
_KNOWN: Final = _GEMMA_3 | {"gemma4_unified", "gemma4_unified_text"}
_STAMPED_SINCE: Final = (2, 4, 0)
_SAME_RELEASE: Final = "use the text encoder of the same release as the model"
_PACKED_TENSORS: Final = ("tokenizer_json", "hf_asset__tokenizer_config.json", "hf_asset__processor_config.json")


@dataclass(frozen=True, slots=True)
class TextEncoderInfo:
    """A text encoder as its configuration describes it."""

    path: Path
    kind: TextEncoderKind
    model_type: str
    """``gemma3`` or ``gemma4_unified``."""
    version: str | None
    """LTX's own stamp, such as ``gemma4-12b-ltx-v1``; None when the encoder carries none."""
    hidden_size: int
    layers: int

    @property
    def feature_width(self) -> int:
        """Width of all hidden states side by side: the embedding's and one per layer."""
        return self.hidden_size * (self.layers + 1)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a text encoder does not go with a checkpoint. Not ``fatal``: it may, but nothing proves it."""

    fatal: bool
    message: str
    hint: str


def read_text_encoder(path: str | Path) -> TextEncoderInfo:
    """Describe a text encoder; CheckpointError when files are missing or it is not a Gemma that LTX-2 knows."""
    place, kind = text_encoder_location(path)
    assert place is not None
    config = _packed_config(place) if kind == "packed" else _directory_config(place)
    model_type = str(config.get("model_type", ""))
    if model_type not in _KNOWN:
        raise CheckpointError(
            f"is a {model_type or 'nameless'} model, not a Gemma that LTX-2 was trained with",
            where=place,
            hint="2.0 and 2.3 use Gemma 3 12B, 2.5 the packed Gemma 4 of its release",
        )
    text = config.get("text_config", config)
    version = config.get("gemma_version")
    return TextEncoderInfo(
        path=place,
        kind=kind or "directory",
        model_type=model_type,
        version=None if version is None else str(version),
        hidden_size=_size(place, text, "hidden_size"),
        layers=_size(place, text, "num_hidden_layers"),
    )


def _size(place: Path, text: Any, key: str) -> int:
    value = text.get(key) if isinstance(text, Mapping) else None
    if not isinstance(value, int) or value < 1:
        raise CheckpointError(
            f"its configuration does not say {key}",
            where=place,
            why="library defaults describe a smaller model and are not used",
            hint="use the original files of the text encoder",
        )
    return value


def _packed_config(path: Path) -> Mapping[str, Any]:
    header = read_header(path)
    config = metadata_object(header, "gemma_config")
    if not isinstance(config, dict):
        raise CheckpointError(
            "is not a packed text encoder (no 'gemma_config' in its metadata)",
            where=path,
            hint="set model.text_encoder_path to the Gemma folder or to the packed file of the release",
        )
    missing = [name for name in _PACKED_TENSORS if name not in header.tensors]
    if missing:
        raise CheckpointError(
            f"the packed text encoder lacks {', '.join(missing)}", where=path, hint="use the original file"
        )
    return config


def _directory_config(path: Path) -> Mapping[str, Any]:
    config = _json_object(path / "config.json")
    if not any((path / name).is_file() for name in ("tokenizer.json", "tokenizer.model")):
        raise CheckpointError("holds no tokenizer", where=path, hint="download the whole folder of the text encoder")
    _check_shards(path)
    return config


def _json_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise CheckpointError(
            "is missing: this folder is not a text encoder",
            where=path,
            hint="set model.text_encoder_path to the folder that holds config.json and the weights",
        ) from error
    except OSError as error:
        raise EnvironmentFault(f"cannot be read: {error.strerror or error}", where=path) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"is not JSON: {error}", where=path, hint="download it again") from error
    if not isinstance(found, dict):
        raise CheckpointError("is not a JSON object", where=path, hint="download it again")
    return found


def _check_shards(path: Path) -> None:
    index = path / "model.safetensors.index.json"
    if index.is_file():
        weight_map = _json_object(index).get("weight_map")
        names = sorted({str(name) for name in weight_map.values()}) if isinstance(weight_map, dict) else []
        missing = [name for name in names if not (path / name).is_file()]
        if not names or missing:
            what = f"lacks {', '.join(missing)}" if missing else "has an index without weights"
            raise CheckpointError(what, where=path, hint="download the whole folder of the text encoder")
    else:
        names = sorted(file.name for file in path.glob("*.safetensors"))
        if not names:
            raise CheckpointError("holds no .safetensors weights", where=path, hint="download the whole folder")
    for name in names:
        read_header(path / name)


def extractor_width(checkpoint: Checkpoint) -> int | None:
    """Input width of the feature extractor, from its weights; None when this file holds no extractor."""
    for name in ("aggregate_embed", "video_aggregate_embed", "audio_aggregate_embed"):
        info = checkpoint.header.tensors.get(f"{EXTRACTOR_PREFIX}{name}.weight")
        if info is not None:
            return info.shape[-1]
    return None


def compatibility(checkpoint: Checkpoint, encoder: TextEncoderInfo) -> Mismatch | None:
    """Whether the checkpoint was trained with this text encoder; None when nothing speaks against it.

    A stamped checkpoint wants the encoder of exactly that version. Without a stamp, releases from 2.4 on refuse an
    encoder that carries some version and cannot vouch for one that carries none; older ones were trained with Gemma 3.
    """
    if checkpoint.gemma_stamp is not None:
        if checkpoint.gemma_stamp == encoder.version:
            return _width_mismatch(checkpoint, encoder)
        found = encoder.version or f"{encoder.model_type} without a version"
        return Mismatch(
            True, f"the model was trained with {checkpoint.gemma_stamp}, this encoder is {found}", _SAME_RELEASE
        )
    if version_tuple(checkpoint.model_version or "") >= _STAMPED_SINCE:
        if encoder.version is None:
            return Mismatch(
                False,
                "neither the model nor the text encoder says which version they belong to",
                "make sure that both come from the same release",
            )
        return Mismatch(
            True, f"the model names no text encoder, but this one is made for {encoder.version}", _SAME_RELEASE
        )
    if encoder.model_type not in _GEMMA_3:
        return Mismatch(
            True, f"this model was trained with Gemma 3, the text encoder is {encoder.model_type}", _SAME_RELEASE
        )
    return _width_mismatch(checkpoint, encoder)


def _width_mismatch(checkpoint: Checkpoint, encoder: TextEncoderInfo) -> Mismatch | None:
    width = extractor_width(checkpoint)
    if width is None or width == encoder.feature_width:
        return None
    return Mismatch(
        True,
        f"the model expects {width:,} text features, this encoder gives {encoder.feature_width:,} "
        f"({encoder.layers + 1} states of {encoder.hidden_size})",
        "use the text encoder of the size the model was trained with",
    )
