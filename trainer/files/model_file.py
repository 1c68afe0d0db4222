"""What one LTX-2 model file is: its configuration, layout and generation, from the header alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from schemas.errors import CheckpointError
from trainer.files.geometry import subsection
from trainer.files.headers import Header, TensorInfo, read_header
from trainer.files.quantised import quantisation

Layout = Literal["unified", "split-transformer", "video-vae", "audio-vae", "text-encoder"]
Family = Literal["2.0", "2.3", "2.5"]

TRANSFORMER_PREFIX: Final = "model.diffusion_model."
CONNECTOR_PREFIXES: Final = (
    TRANSFORMER_PREFIX + "video_embeddings_connector.",
    TRANSFORMER_PREFIX + "audio_embeddings_connector.",
)
EXTRACTOR_PREFIX: Final = "text_embedding_projection."
_RELEASE: Final = "name a file of an LTX-2, LTX-2.3 or LTX-2.5 release"


@dataclass(frozen=True)
class Checkpoint:
    """One model file. ``config`` is the parsed ``config`` entry of the metadata ({} for a packed text encoder)."""

    header: Header
    config: Mapping[str, Any]
    model_version: str | None
    gemma_stamp: str | None
    """Version of the text encoder this model was trained with, such as ``gemma4-12b-ltx-v1``; None when not stated."""
    layout: Layout
    family: Family

    @property
    def path(self) -> Path:
        return self.header.path

    @cached_property
    def quantisation(self) -> str | None:
        """ "fp8", "int8", "nvfp4" or "quantised" when the weights are not plain; None for plain weights."""
        return quantisation(self.header)

    @cached_property
    def transformer_tensors(self) -> Mapping[str, TensorInfo]:
        """Tensors of the transformer proper by their official name without prefix; connectors are not in it."""
        return {
            name.removeprefix(TRANSFORMER_PREFIX): info
            for name, info in self.header.tensors.items()
            if name.startswith(TRANSFORMER_PREFIX) and not name.startswith(CONNECTOR_PREFIXES)
        }

    def has(self, *prefixes: str) -> bool:
        """Whether any tensor name starts with one of the prefixes."""
        return any(name.startswith(prefixes) for name in self.header.tensors)

    def section(self, name: str) -> Mapping[str, Any]:
        """One section of the config (transformer, vae, audio_vae, vocoder, scheduler); CheckpointError when absent."""
        found = self.config.get(name)
        if not isinstance(found, dict):
            raise CheckpointError(
                f"holds no configuration for '{name}'",
                where=self.path,
                why=f"its metadata lists {', '.join(sorted(self.config)) or 'nothing'}",
                hint=_RELEASE,
            )
        return found


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read what a model file is. CheckpointError for anything that is not an LTX-2 model file."""
    header = read_header(path)
    config = _config(header)
    layout = _layout(header, config)
    version = metadata_object(header, "model_version")
    return Checkpoint(
        header=header,
        config=config,
        model_version=None if version is None else str(version),
        gemma_stamp=_stamp(metadata_object(header, "gemma_source_checkpoint")),
        layout=layout,
        family=_family(header, config, layout),
    )


def metadata_object(header: Header, key: str) -> Any:
    """A metadata value, parsed as JSON when it is JSON and the bare text when it is not; None when absent."""
    text = header.metadata.get(key)
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
    except RecursionError as error:
        raise CheckpointError(f"its metadata entry '{key}' is nested too deeply", where=header.path) from error


def _stamp(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("gemma_version")
    return None if value is None else str(value)


def _config(header: Header) -> Mapping[str, Any]:
    config = metadata_object(header, "config")
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise CheckpointError("its metadata entry 'config' is not a JSON object", where=header.path, hint=_RELEASE)
    return config


def _layout(header: Header, config: Mapping[str, Any]) -> Layout:
    if "gemma_config" in header.metadata:
        return "text-encoder"
    if "transformer" in config:
        return "unified" if config.keys() & {"vae", "audio_vae", "vocoder"} else "split-transformer"
    if "vae" in config:
        return "video-vae"
    if "audio_vae" in config:
        return "audio-vae"
    raise _not_a_model(header)


def _not_a_model(header: Header) -> CheckpointError:
    names = list(header.tensors)
    if any(".lora_A." in name or ".lora_down." in name for name in names):
        what, hint = "is a LoRA, not a model", "name the base model here and the LoRA in model.load_checkpoint"
    elif any(name.startswith("transformer_blocks.") for name in names):
        what = "has no 'config' in its metadata (a file converted for diffusers?)"
        hint = "use the original single file of the release, not the diffusers folder"
    else:
        what, hint = "has no LTX-2 'config' in its metadata", _RELEASE
    return CheckpointError(what, where=header.path, why="the shape of the model stands in that entry", hint=hint)


def _family(header: Header, config: Mapping[str, Any], layout: Layout) -> Family:
    """The generation, decided by structure; ``model_version`` only where a file holds no transformer."""
    if layout == "text-encoder":
        gemma = metadata_object(header, "gemma_config")
        model_type = gemma.get("model_type", "") if isinstance(gemma, dict) else ""
        return "2.5" if str(model_type).startswith("gemma4") else "2.3"
    transformer = config.get("transformer")
    if isinstance(transformer, dict):
        return _transformer_family(transformer)
    version = metadata_object(header, "model_version")
    return _component_family(config) if version is None else _version_family(str(version))


def _transformer_family(transformer: Mapping[str, Any]) -> Family:
    if transformer.get("use_keyframes_abs_pos_embedding") or transformer.get("ff_bias") is False:
        return "2.5"
    modulated = transformer.get("cross_attention_adaln") or transformer.get("caption_proj_before_connector")
    return "2.3" if modulated else "2.0"


def _component_family(config: Mapping[str, Any]) -> Family:
    vae, vocoder = subsection(config, "vae"), subsection(config, "vocoder")
    if vae.get("_class_name") == "CausalDiffusionVAE":
        return "2.5"
    return "2.3" if "spatial_padding_mode" in vae or "bwe" in vocoder else "2.0"


def version_tuple(text: str) -> tuple[int, ...]:
    """``2.3.0`` -> (2, 3, 0); what does not start with a number gives ()."""
    numbers: list[int] = []
    for part in text.strip().removeprefix("v").split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)


def _version_family(version: str) -> Family:
    parts = version_tuple(version)
    if parts >= (2, 4):
        return "2.5"
    return "2.3" if parts >= (2, 1) else "2.0"
