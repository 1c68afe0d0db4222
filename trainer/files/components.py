"""Which file holds which part of the model, for both ways the releases are published.

A *unified* file (2.0, 2.3) holds everything but the text encoder. A *split pack* (2.5) has one file for the transformer
and the text connectors, one for each VAE and a packed text encoder that also holds the feature extractor.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from schemas.errors import CheckpointError
from trainer.files.geometry import VaeScale, vae_scale
from trainer.files.model_file import Checkpoint, read_checkpoint

TextEncoderKind = Literal["directory", "packed"]
_FIELD: Final = {
    "video VAE": "model.video_vae_path",
    "audio VAE": "model.audio_vae_path",
    "vocoder": "model.audio_vae_path",
}


class ModelPaths(Protocol):
    """The path fields of the ``model`` section (``schemas`` model, or any object with these attributes)."""

    @property
    def model_path(self) -> str | Path: ...
    @property
    def text_encoder_path(self) -> str | Path | None: ...
    @property
    def video_vae_path(self) -> str | Path | None: ...
    @property
    def audio_vae_path(self) -> str | Path | None: ...


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where each part of a model is read from.

    ``connectors`` and ``extractor`` list the files to search in order: the first has the configuration. A part that no
    file holds is None in ``video_vae_file`` / ``audio_vae_file``; ``video_vae``, ``audio_vae`` and ``vocoder`` raise a
    CheckpointError that names the missing setting instead.
    """

    transformer: Path
    video_vae_file: Path | None
    audio_vae_file: Path | None
    connectors: tuple[Path, ...]
    extractor: tuple[Path, ...]
    text_encoder: Path | None
    text_encoder_kind: TextEncoderKind | None

    @property
    def video_vae(self) -> Path:
        return self._need(self.video_vae_file, "video VAE")

    @property
    def audio_vae(self) -> Path:
        return self._need(self.audio_vae_file, "audio VAE")

    @property
    def vocoder(self) -> Path:
        return self._need(self.audio_vae_file, "vocoder")

    def _need(self, path: Path | None, part: str) -> Path:
        if path is None:
            raise CheckpointError(
                f"holds no {part}, and {_FIELD[part]} is not set",
                where=self.transformer,
                why="in the 2.5 release each VAE is a file of its own",
                hint=f"set {_FIELD[part]} to the {part} file of the same release",
            )
        return path


def resolve_model_files(model: ModelPaths) -> ModelFiles:
    """Find the file of every part.

    An explicit path wins; otherwise a unified ``model_path`` holds the part itself, and a split transformer leaves it
    unset. Raises CheckpointError when ``model_path`` is not a transformer, an explicit path holds something else, or a
    split transformer stands beside a text-encoder directory (its feature extractor is only in the packed file).
    """
    transformer = read_checkpoint(_path(model.model_path))
    _require_transformer(transformer)
    unified = transformer.layout == "unified"
    encoder, kind = text_encoder_location(model.text_encoder_path)
    if kind == "directory" and not unified:
        raise CheckpointError(
            "a split transformer needs the packed text encoder, not a Gemma directory",
            where=encoder,
            why="the feature extractor of this release stands in the packed file only",
            hint="set model.text_encoder_path to the packed .safetensors file of the same release",
        )
    searched = (transformer.path, encoder) if encoder and kind == "packed" else (transformer.path,)
    return ModelFiles(
        transformer=transformer.path,
        video_vae_file=_component(model.video_vae_path, "vae", "model.video_vae_path", transformer),
        audio_vae_file=_component(model.audio_vae_path, "audio_vae", "model.audio_vae_path", transformer),
        connectors=searched,
        extractor=searched,
        text_encoder=encoder,
        text_encoder_kind=kind,
    )


def files_vae_scale(files: ModelFiles) -> VaeScale:
    """Compression factors of the video VAE; the published 32/32/8 when no VAE file is named."""
    if files.video_vae_file is None:
        return vae_scale({})
    return vae_scale(read_checkpoint(files.video_vae_file).config)


def text_encoder_location(path: str | Path | None) -> tuple[Path | None, TextEncoderKind | None]:
    """The text encoder's place and form, by what is there; CheckpointError when nothing is."""
    if path is None:
        return None, None
    place = _path(path)
    if place.is_dir():
        return place, "directory"
    if place.is_file():
        return place, "packed"
    raise CheckpointError(
        "there is no text encoder here",
        where=place,
        hint="set model.text_encoder_path to the Gemma folder (2.0, 2.3) or the packed .safetensors file (2.5)",
    )


def _path(value: str | Path) -> Path:
    return Path(value).expanduser()


def _require_transformer(checkpoint: Checkpoint) -> None:
    if checkpoint.layout in ("unified", "split-transformer"):
        return
    what = {"video-vae": "a video VAE", "audio-vae": "an audio VAE", "text-encoder": "a packed text encoder"}
    raise CheckpointError(
        f"is {what[checkpoint.layout]}, not a transformer",
        where=checkpoint.path,
        hint="set model.model_path to the transformer or the unified file of the release",
    )


def _component(path: str | Path | None, section: str, field: str, transformer: Checkpoint) -> Path | None:
    if path is None:
        return transformer.path if section in transformer.config else None
    checkpoint = read_checkpoint(_path(path))
    if section not in checkpoint.config:
        raise CheckpointError(
            f"is a {checkpoint.layout} file and holds no '{section}' configuration",
            where=checkpoint.path,
            hint=f"set {field} to the right file of the release",
        )
    return checkpoint.path
