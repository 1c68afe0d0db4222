"""Everything about model files that can be known without loading them: one place to import it from."""

from trainer.files.components import ModelFiles, ModelPaths, files_vae_scale, resolve_model_files, text_encoder_location
from trainer.files.fingerprint import file_fingerprint
from trainer.files.gemma import TextEncoderInfo, compatibility, read_text_encoder
from trainer.files.geometry import VaeScale, vae_scale
from trainer.files.model_file import (
    CONNECTOR_PREFIXES,
    EXTRACTOR_PREFIX,
    TRANSFORMER_PREFIX,
    Checkpoint,
    Family,
    Layout,
    read_checkpoint,
    version_tuple,
)
from trainer.files.quantised import quantisation
from trainer.files.transformer_config import disagreements, transformer_config

__all__ = [
    "CONNECTOR_PREFIXES",
    "EXTRACTOR_PREFIX",
    "TRANSFORMER_PREFIX",
    "Checkpoint",
    "Family",
    "Layout",
    "ModelFiles",
    "ModelPaths",
    "TextEncoderInfo",
    "VaeScale",
    "compatibility",
    "disagreements",
    "file_fingerprint",
    "files_vae_scale",
    "quantisation",
    "read_checkpoint",
    "read_text_encoder",
    "resolve_model_files",
    "text_encoder_location",
    "transformer_config",
    "vae_scale",
    "version_tuple",
]
