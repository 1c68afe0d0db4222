"""The configuration of audio VAE and vocoder in an official file, turned into arguments of the diffusers classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from trainer.model.section import Section

PLAIN_VOCODER_RATE: Final = 24000
"""Sample rate of a vocoder whose file does not state one (2.0)."""


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
