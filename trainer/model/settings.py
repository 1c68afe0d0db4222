"""The configuration in an official file, turned into the arguments of the diffusers classes.

A key that shapes cannot betray is never defaulted: another program's default would change the numbers in silence.
Keys with a default below are those that real files leave out; a wrong default there fails the strict loading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import CheckpointError, Location
from trainer.files.checkpoint import Checkpoint, VaeScale, transformer_config


class Section:
    """One section of the configuration of a file; every access says where it failed."""

    def __init__(self, path: Path, name: str, values: Mapping[str, Any]) -> None:
        self.path, self.name, self.values = path, name, values

    @classmethod
    def of(cls, checkpoint: Checkpoint, name: str) -> Section:
        return cls(checkpoint.path, name, checkpoint.section(name))

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def need(self, key: str) -> Any:
        if key not in self:
            raise CheckpointError(
                "its configuration lacks this key",
                where=Location(self.path, key=f"{self.name}.{key}"),
                why="the model cannot be built without it, and a guess could be wrong in silence",
                hint="use the original file of the release",
            )
        return self.values[key]

    def integer(self, key: str) -> int:
        value = self.need(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 0:
            raise self.bad(key, "a whole number")
        return int(value)

    def number(self, key: str) -> float:
        value = self.need(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.bad(key, "a number")
        return float(value)

    def integers(self, key: str, length: int | None = None) -> tuple[int, ...]:
        value = self.need(key)
        whole = isinstance(value, list) and all(isinstance(item, int) for item in value)
        if not whole or (length is not None and len(value) != length):
            raise self.bad(key, "a list of whole numbers" if length is None else f"a list of {length} whole numbers")
        return tuple(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.bad(key, "true or false")
        return value

    def choice(self, key: str, *known: str) -> str:
        value = self.need(key)
        if value not in known:
            raise self.bad(key, " or ".join(known))
        return str(value)

    def below(self, key: str) -> Section:
        value = self.need(key)
        if not isinstance(value, dict):
            raise self.bad(key, "an object")
        return Section(self.path, f"{self.name}.{key}", value)

    def bad(self, key: str, wanted: str) -> CheckpointError:
        return CheckpointError(
            f"is {self.values.get(key)!r}; this program knows {wanted} there",
            where=Location(self.path, key=f"{self.name}.{key}"),
            hint="use an original LTX-2, 2.3 or 2.5 file, or a newer version of this program",
        )


def transformer_section(checkpoint: Checkpoint) -> Section:
    """The transformer's section, its required and fixed keys checked."""
    return Section(checkpoint.path, "transformer", transformer_config(checkpoint))


def transformer_arguments(checkpoint: Checkpoint) -> dict[str, Any]:
    """Arguments of ``LtxTransformer`` from the file's ``transformer`` section."""
    section = transformer_section(checkpoint)
    time, height, width = section.integers("positional_embedding_max_pos", 3)
    gated, modulated = section.flag("apply_gated_attention", False), section.flag("cross_attention_adaln", False)
    inner_captions = not section.flag("caption_proj_before_connector", False)
    heads, audio_heads = section.integer("num_attention_heads"), section.integer("audio_num_attention_heads")
    if heads != audio_heads:
        raise section.bad("audio_num_attention_heads", f"as many as num_attention_heads ({heads})")
    arguments = {
        "in_channels": section.integer("in_channels"),
        "out_channels": section.integer("out_channels"),
        "num_attention_heads": heads,
        "attention_head_dim": section.integer("attention_head_dim"),
        "cross_attention_dim": section.integer("cross_attention_dim"),
        "pos_embed_max_pos": time,
        "base_height": height,
        "base_width": width,
        "gated_attn": gated,
        "cross_attn_mod": modulated,
        "audio_in_channels": section.integer(
            "audio_in_channels" if "audio_in_channels" in section else "audio_out_channels"
        ),
        "audio_out_channels": section.integer("audio_out_channels"),
        "audio_num_attention_heads": audio_heads,
        "audio_attention_head_dim": section.integer("audio_attention_head_dim"),
        "audio_cross_attention_dim": section.integer("audio_cross_attention_dim"),
        "audio_pos_embed_max_pos": section.integers("audio_positional_embedding_max_pos", 1)[0],
        "audio_gated_attn": gated,
        "audio_cross_attn_mod": modulated,
        "num_layers": section.integer("num_layers"),
        "norm_eps": section.number("norm_eps"),
        "use_prompt_embeddings": inner_captions,
        "timestep_scale_multiplier": section.number("timestep_scale_multiplier"),
        "cross_attn_timestep_scale_multiplier": section.number("av_ca_timestep_scale_multiplier"),
        "ff_bias": section.flag("ff_bias", True),
        "audio_ff_bias": section.flag("audio_ff_bias", True),
        "use_prompt_adaln_single": section.flag("use_prompt_adaln_single", True),
        "use_keyframes_abs_pos_embedding": section.flag("use_keyframes_abs_pos_embedding", False),
        **_rope(section),
    }
    return arguments | ({"caption_channels": section.integer("caption_channels")} if inner_captions else {})


def connector_arguments(section: Section, modality: str) -> dict[str, Any]:
    """Arguments of one text connector (``LTX2ConnectorTransformer1d``) of "video" or "audio".

    2.0 has no keys of its own for audio: there the audio connector is as wide as the video one.
    """
    prefix = "audio_connector" if modality == "audio" else "connector"

    def size(key: str) -> int:
        own = f"{prefix}_{key}"
        return section.integer(own if own in section else f"connector_{key}")

    rope = _rope(section)
    return {
        "num_attention_heads": size("num_attention_heads"),
        "attention_head_dim": size("attention_head_dim"),
        "num_layers": size("num_layers"),
        "rope_base_seq_len": section.integers("connector_positional_embedding_max_pos", 1)[0],
        "rope_theta": rope["rope_theta"],
        "rope_double_precision": rope["rope_double_precision"],
        "rope_type": rope["rope_type"],
        "gated_attention": section.flag("connector_apply_gated_attention", False),
    }


def _rope(section: Section) -> dict[str, Any]:
    """Only split rotary positions are known: no published model has others, and nothing here was checked on them."""
    return {
        "rope_theta": section.number("positional_embedding_theta"),
        "rope_double_precision": section.choice("frequencies_precision", "float64", "float32") == "float64",
        "rope_type": section.choice("rope_type", "split"),
    }


def video_vae_section(checkpoint: Checkpoint) -> Section:
    return Section.of(checkpoint, "vae")


_STRIDES = {"space": "spatial", "time": "temporal", "all": "spatiotemporal"}


def video_encoder_arguments(section: Section) -> dict[str, Any]:
    """Arguments of ``LTX2VideoEncoder3d``. The 2.5 split file keeps the encoder in a section of its own.

    Padding: ``spatial_padding_mode`` holds for the encoder too when it is there, else
    ``encoder_spatial_padding_mode``, else zeros.
    """
    source = section.below("encoder") if "encoder" in section else section
    latent = latent_channels(section)
    levels, layers = _blocks(source, "blocks" if "encoder" in section else "encoder_blocks")
    channels, widths = latent, []
    for _, options in levels:
        channels *= int(options.get("multiplier", 2))
        widths.append(channels)
    modes = [source.values[key] for key in ("spatial_padding_mode", "encoder_spatial_padding_mode") if key in source]
    return {
        "in_channels": source.integer("in_channels"),
        "out_channels": latent,
        "block_out_channels": tuple(widths),
        "down_block_types": ("LTX2VideoDownBlock3D",) * len(levels),
        "spatio_temporal_scaling": (True,) * len(levels),
        "layers_per_block": layers,
        "downsample_type": tuple(kind for kind, _ in levels),
        "patch_size": source.integer("patch_size"),
        "is_causal": True,
        "spatial_padding_mode": modes[0] if modes else "zeros",
    }


def video_decoder_arguments(section: Section) -> dict[str, Any]:
    """Arguments of ``LTX2VideoDecoder3d``; the file lists the blocks from the output back to the latents."""
    levels, layers = _blocks(section, "decoder_blocks")
    if section.flag("timestep_conditioning", False):
        raise section.bad("timestep_conditioning", "false")
    channels, widths = section.integer("decoder_base_channels"), []
    for _, options in levels:
        channels *= int(options.get("multiplier", 1))
        widths.append(channels)
    return {
        "in_channels": latent_channels(section),
        "out_channels": section.integer("out_channels"),
        "block_out_channels": tuple(widths),
        "spatio_temporal_scaling": (True,) * len(levels),
        "layers_per_block": layers,
        "upsample_type": tuple(kind for kind, _ in reversed(levels)),
        "patch_size": section.integer("patch_size"),
        "is_causal": section.flag("causal_decoder", False),
        "inject_noise": False,
        "upsample_residual": tuple(bool(options.get("residual", False)) for _, options in levels),
        "upsample_factor": tuple(int(options.get("multiplier", 1)) for _, options in levels),
        "spatial_padding_mode": section.values.get("spatial_padding_mode", "reflect"),
    }


def latent_channels(section: Section) -> int:
    """Channels of the video latents; the 2.5 split file states them as the encoder's output only."""
    if "latent_channels" in section:
        return section.integer("latent_channels")
    return section.below("encoder").integer("out_channels")


def _blocks(section: Section, key: str) -> tuple[list[tuple[str, Mapping[str, Any]]], tuple[int, ...]]:
    """A block list: the resampling levels (kind, options) and the number of residual layers around them."""
    levels: list[tuple[str, Mapping[str, Any]]] = []
    layers: list[int] = []
    for entry in _block_entries(section, key):
        name, options = entry
        if name == "res_x" and len(layers) == len(levels):
            if options.get("inject_noise"):
                raise section.bad(key, "no noise injection")
            layers.append(int(options["num_layers"]))
            continue
        kind = _STRIDES.get(name.split("_")[1]) if name.startswith("compress_") else None
        if kind is None or len(layers) != len(levels) + 1:
            raise section.bad(key, "res_x and compress blocks in turn")
        levels.append((kind, options))
    if len(layers) != len(levels) + 1:
        raise section.bad(key, "a list that ends with a res_x block")
    return levels, tuple(layers)


def _block_entries(section: Section, key: str) -> Sequence[tuple[str, Mapping[str, Any]]]:
    entries = section.need(key)
    good = isinstance(entries, list) and all(
        isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict)
        for item in entries
    )
    if not good:
        raise section.bad(key, "a list of [name, options]")
    return [(item[0], item[1]) for item in entries]


def diffusion_decoder_arguments(section: Section, scale: VaeScale) -> dict[str, Any]:
    """Arguments of ``LTX2VideoDiffusionDecoderModel`` (2.5). Real files leave ``t_emb_dim`` out: it is 384 then."""
    decoder = section.below("decoder")
    upsamples = decoder.need("upsamples")
    kernels = [tuple(kernel) for kernel in decoder.need("stage_kernels")]
    return {
        "out_channels": decoder.integer("out_channels"),
        "latent_channels": decoder.integer("in_channels"),
        "patch_size": decoder.integer("patch_size"),
        "decoder_head_dim": decoder.integer("head_dim"),
        "decoder_stage_channels": decoder.integers("stage_channels"),
        "decoder_stage_depths": decoder.integers("stage_depths"),
        "decoder_stage_kernels": tuple(kernels[: len(upsamples)]),
        "decoder_upsample_strides": tuple(tuple(stride) for stride, _ in upsamples),
        "decoder_upsample_channel_reductions": tuple(reduction for _, reduction in upsamples),
        "decoder_stage5_kernel": decoder.integers("stage5_kernel", 3),
        "decoder_t_emb_dim": decoder.integer("t_emb_dim") if "t_emb_dim" in decoder else 384,
        "decoder_timestep_scale_multiplier": decoder.number("timestep_scale_multiplier"),
        "decoder_model_output_type": section.choice("model_output_type", "x0", "v"),
        "decoder_num_inference_steps": decoder.integer("default_num_inference_steps"),
        "spatial_compression_ratio": scale.spatial,
        "temporal_compression_ratio": scale.temporal,
    }


@dataclass(frozen=True, slots=True)
class AudioShape:
    """Audio latents and the mel spectrogram they are made from."""

    channels: int
    bins: int
    """Frequency bins of a latent step."""
    mel_bins: int
    sample_rate: int
    """Of the sound the mel is computed from, in Hz."""
    hop_length: int
    """Samples per mel step."""
    n_fft: int
    time_compression: int
    """Mel steps per latent step."""


def audio_shape(section: Section) -> AudioShape:
    """Geometry of the audio VAE: each level but the last halves time and frequency."""
    params = section.below("model").below("params")
    config, stft = params.below("ddconfig"), section.below("preprocessing").below("stft")
    factor = 2 ** (len(config.integers("ch_mult")) - 1)
    mel_bins = config.integer("mel_bins")
    return AudioShape(
        channels=config.integer("z_channels"),
        bins=mel_bins // factor,
        mel_bins=mel_bins,
        sample_rate=params.integer("sampling_rate"),
        hop_length=stft.integer("hop_length"),
        n_fft=stft.integer("filter_length"),
        time_compression=factor,
    )


def audio_arguments(section: Section) -> tuple[dict[str, Any], bool]:
    """Arguments common to ``LTX2AudioEncoder`` and ``LTX2AudioDecoder``, and the encoder's ``double_z``."""
    params = section.below("model").below("params")
    config, stft = params.below("ddconfig"), section.below("preprocessing").below("stft")
    arguments = {
        "base_channels": config.integer("ch"),
        "output_channels": config.integer("out_ch"),
        "ch_mult": config.integers("ch_mult"),
        "num_res_blocks": config.integer("num_res_blocks"),
        "attn_resolutions": set(config.integers("attn_resolutions")) or None,
        "in_channels": config.integer("in_channels"),
        "resolution": config.integer("resolution"),
        "latent_channels": config.integer("z_channels"),
        "norm_type": config.choice("norm_type", "pixel", "group"),
        "causality_axis": config.choice("causality_axis", "none", "width", "height", "width-compatibility"),
        "mid_block_add_attention": config.flag("mid_block_add_attention", True),
        "sample_rate": params.integer("sampling_rate"),
        "mel_hop_length": stft.integer("hop_length"),
        "is_causal": stft.flag("causal", True),
        "mel_bins": config.integer("mel_bins"),
    }
    return arguments, config.flag("double_z", True)


PLAIN_VOCODER_RATE = 24000
"""Sample rate of a vocoder whose file does not state one (2.0)."""


def vocoder_arguments(section: Section, mel_bins: int) -> tuple[dict[str, Any], bool]:
    """Arguments of ``LTX2Vocoder``, or of ``LTX2VocoderWithBWE`` and True for bandwidth extension."""
    if "bwe" not in section:
        rate = "output_sampling_rate"
        output = section.integer(rate) if rate in section else PLAIN_VOCODER_RATE
        return {**_generator(section, mel_bins), "output_sampling_rate": output}, False
    extension = section.below("bwe")
    generator = _generator(extension, extension.integer("num_mels"))
    return {
        **_generator(section.below("vocoder"), mel_bins),
        **{f"bwe_{key}": value for key, value in generator.items()},
        "filter_length": extension.integer("n_fft"),
        "hop_length": extension.integer("hop_length"),
        "window_length": extension.integer("win_size"),
        "num_mel_channels": extension.integer("num_mels"),
        "input_sampling_rate": extension.integer("input_sampling_rate"),
        "output_sampling_rate": extension.integer("output_sampling_rate"),
    }, True


def _generator(section: Section, mel_bins: int) -> dict[str, Any]:
    """One mel-to-wave network: "1" is the classic one with leaky ReLU, AMP1 has anti-aliased snake activations."""
    snake = section.choice("resblock", "1", "AMP1") == "AMP1"
    if snake:
        section.choice("activation", "snakebeta")
    if not section.flag("stereo", True):
        raise section.bad("stereo", "true")
    final: str | None = "tanh" if section.flag("use_tanh_at_final", True) else "clamp"
    if not section.flag("apply_final_activation", True):
        final = None
    return {
        "in_channels": 2 * mel_bins,
        "hidden_channels": section.integer("upsample_initial_channel"),
        "upsample_kernel_sizes": list(section.integers("upsample_kernel_sizes")),
        "upsample_factors": list(section.integers("upsample_rates")),
        "resnet_kernel_sizes": list(section.integers("resblock_kernel_sizes")),
        "resnet_dilations": section.need("resblock_dilation_sizes"),
        "act_fn": "snakebeta" if snake else "leaky_relu",
        "antialias": snake,
        "final_act_fn": final,
        "final_bias": section.flag("use_bias_at_final", True),
    }
