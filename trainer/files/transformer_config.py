"""The transformer section of a checkpoint: required keys, fixed values, and whether the weights agree with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from schemas.errors import CheckpointError
from trainer.files.headers import TensorInfo
from trainer.files.model_file import Checkpoint

REQUIRED: Final = (
    "av_ca_timestep_scale_multiplier",
    "rope_type",
    "frequencies_precision",
    "connector_positional_embedding_max_pos",
)
"""Keys whose defaults differ between programs: a wrong guess changes the numbers in silence, so none is made."""

FIXED: Final[Mapping[str, Any]] = {
    "dropout": 0,
    "attention_bias": True,
    "activation_fn": "gelu-approximate",
    "num_embeds_ada_norm": 1000,
    "cross_attention_norm": True,
    "standardization_norm": "rms_norm",
    "norm_elementwise_affine": False,
    "qk_norm": "rms_norm",
    "positional_embedding_type": "rope",
    "use_audio_video_cross_attention": True,
    "share_ff": False,
    "av_cross_ada_norm": True,
    "use_middle_indices_grid": True,
}
"""What every published transformer has in common; another value would need other mathematics."""

_ORIGINAL: Final = "use the original file of the release"
Config = Mapping[str, Any]


def transformer_config(checkpoint: Checkpoint) -> Config:
    """The ``transformer`` section, with every required key present and every fixed value as we know it."""
    config = checkpoint.section("transformer")
    missing = [key for key in REQUIRED if config.get(key) is None]
    if missing:
        raise CheckpointError(
            f"its transformer configuration lacks {', '.join(missing)}",
            where=checkpoint.path,
            why="programs disagree on the defaults, and a wrong one changes the result without an error",
            hint=_ORIGINAL,
        )
    other = [f"{key} = {config[key]!r}" for key, value in FIXED.items() if key in config and config[key] != value]
    if other:
        raise CheckpointError(
            f"its transformer is of a kind this program does not know: {', '.join(other)}",
            where=checkpoint.path,
            hint="use an LTX-2, 2.3 or 2.5 file, or a newer version of this program",
        )
    return config


def has_audio(checkpoint: Checkpoint) -> bool:
    """Whether the transformer holds its audio branch."""
    return "audio_patchify_proj.weight" in checkpoint.transformer_tensors


def has_video(checkpoint: Checkpoint) -> bool:
    """Whether the transformer holds its video branch."""
    return "patchify_proj.weight" in checkpoint.transformer_tensors


def disagreements(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Every way in which the tensors differ from what the transformer's configuration says; empty when they agree."""
    config, tensors = transformer_config(checkpoint), checkpoint.transformer_tensors
    return (*_flags(config, tensors), *_blocks(config, tensors), *_widths(config, tensors))


def _flag(key: str, default: bool) -> Callable[[Config], bool]:
    return lambda config: bool(config.get(key, default))


def _prompt_adaln(config: Config) -> bool:
    return bool(config.get("cross_attention_adaln")) and bool(config.get("use_prompt_adaln_single", True))


def _inner_caption_projection(config: Config) -> bool:
    return not config.get("caption_proj_before_connector", False)


_FLAGS: Final[tuple[tuple[str, Callable[[Config], bool], str], ...]] = (
    (
        "apply_gated_attention",
        _flag("apply_gated_attention", False),
        "transformer_blocks.0.attn1.to_gate_logits.weight",
    ),
    ("ff_bias", _flag("ff_bias", True), "transformer_blocks.0.ff.net.2.bias"),
    ("audio_ff_bias", _flag("audio_ff_bias", True), "transformer_blocks.0.audio_ff.net.2.bias"),
    ("use_prompt_adaln_single", _prompt_adaln, "prompt_adaln_single.linear.weight"),
    ("cross_attention_adaln", _flag("cross_attention_adaln", False), "transformer_blocks.0.prompt_scale_shift_table"),
    (
        "use_keyframes_abs_pos_embedding",
        _flag("use_keyframes_abs_pos_embedding", False),
        "keyframes_abs_pos_embedding",
    ),
    ("caption_proj_before_connector", _inner_caption_projection, "caption_projection.linear_1.weight"),
)


def _flags(config: Config, tensors: Mapping[str, TensorInfo]) -> Iterator[str]:
    for key, expected, name in _FLAGS:
        branch = "audio_patchify_proj.weight" if "audio" in key else "patchify_proj.weight"
        if branch in tensors and expected(config) != (name in tensors):
            word = "lacks" if expected(config) else "holds"
            yield f"the configuration says {key} = {config.get(key, 'nothing')!r}, but the file {word} {name}"


def _blocks(config: Config, tensors: Mapping[str, TensorInfo]) -> Iterator[str]:
    blocks: dict[int, set[str]] = {}
    for name in tensors:
        parts = name.split(".", 2)
        if parts[0] == "transformer_blocks" and len(parts) == 3 and parts[1].isdigit():
            blocks.setdefault(int(parts[1]), set()).add(parts[2])
    layers = config.get("num_layers")
    if sorted(blocks) != list(range(layers if isinstance(layers, int) else 0)):
        yield f"the configuration says {layers!r} blocks, the file holds {len(blocks)}"
    if not blocks:
        return
    every = set().union(*blocks.values())
    lacking = sorted((index, name) for index, names in blocks.items() for name in every - names)
    if lacking:
        index, name = lacking[0]
        yield f"{len(lacking)} tensors are missing, the first is transformer_blocks.{index}.{name}"


def _widths(config: Config, tensors: Mapping[str, TensorInfo]) -> Iterator[str]:
    for prefix in ("", "audio_"):
        info = tensors.get(f"{prefix}patchify_proj.weight")
        heads, dim = config.get(f"{prefix}num_attention_heads"), config.get(f"{prefix}attention_head_dim")
        if info is None or not isinstance(heads, int) or not isinstance(dim, int):
            continue
        channels = config.get(f"{prefix}in_channels", 128)
        if info.shape != (heads * dim, channels):
            yield (
                f"the configuration says {heads} heads of {dim} and {channels} channels, "
                f"but {info.name} has the shape {list(info.shape)}"
            )
        rows = 9 if config.get("cross_attention_adaln") else 6
        table = tensors.get(f"transformer_blocks.0.{prefix}scale_shift_table")
        if table is not None and table.shape != (rows, heads * dim):
            yield f"{table.name} has the shape {list(table.shape)}, the configuration means {[rows, heads * dim]}"
