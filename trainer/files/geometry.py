"""Numbers of a checkpoint that shapes depend on: compression factors and latent channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class VaeScale:
    """How many pixels (each of height and width) and frames one latent step stands for."""

    spatial: int
    temporal: int


DEFAULT_SCALE: Final = VaeScale(32, 8)
_DEFAULT_PATCH: Final = 4
_ORIGINAL: Final = "the file's config is damaged: use the original file of the release"


def vae_scale(config: Mapping[str, Any]) -> VaeScale:
    """Compression factors of the video VAE described by a checkpoint's ``config``.

    Walks the block lists (``vae.encoder_blocks``, ``vae.encoder.blocks`` of the 2.5 split file,
    ``vae.decoder_blocks``): ``compress_space*`` and ``compress_all*`` double the spatial factor,
    ``compress_time*`` and ``compress_all*`` the temporal one; the patch size multiplies the spatial one. Without a
    list the published 32/32/8 holds.
    Raises CheckpointError when the lists of encoder and decoder disagree.
    """
    vae = subsection(config, "vae")
    encoder = subsection(vae, "encoder")
    patch = encoder.get("patch_size", vae.get("patch_size", _DEFAULT_PATCH))
    if not isinstance(patch, int) or patch < 1:
        raise CheckpointError(f"the video VAE has the impossible patch size {patch!r}", hint=_ORIGINAL)
    lists = (vae.get("encoder_blocks"), encoder.get("blocks"), vae.get("decoder_blocks"))
    found = {_walk(blocks, patch) for blocks in lists if isinstance(blocks, list) and blocks}
    if len(found) > 1:
        raise CheckpointError(
            "the video VAE's encoder and decoder compress differently",
            why=", ".join(f"{scale.spatial}x in space and {scale.temporal}x in time" for scale in found),
            hint=_ORIGINAL,
        )
    return found.pop() if found else DEFAULT_SCALE


def subsection(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A part of a config that is an object; an empty one when it is absent."""
    found = config.get(key)
    return found if isinstance(found, Mapping) else {}


def _walk(blocks: Sequence[Any], patch: int) -> VaeScale:
    spatial, temporal = patch, 1
    for block in blocks:
        name = str(block[0]) if isinstance(block, list | tuple) and block else str(block)
        if name.startswith(("compress_space", "compress_all")):
            spatial *= 2
        if name.startswith(("compress_time", "compress_all")):
            temporal *= 2
    return VaeScale(spatial, temporal)
