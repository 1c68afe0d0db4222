"""The video VAE's configuration in an official file, turned into the arguments of the diffusers classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from trainer.files.checkpoint import Checkpoint, VaeScale
from trainer.model.section import Section

_STRIDES: Final = {"space": "spatial", "time": "temporal", "all": "spatiotemporal"}


def video_vae_section(checkpoint: Checkpoint) -> Section:
    return Section.of(checkpoint, "vae")


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
