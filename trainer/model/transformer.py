"""The LTX-2 transformer: diffusers' modules with our own forward.

Why not the stock forward: it takes the scale, shift and gate of the audio-video attention from one source, while the
model was trained with scale and shift from a modality's own per-token timesteps and the gate from the *other*
modality's sigma. The difference is large as soon as tokens are conditioned or the two sigmas differ. It also cannot
leave a modality out, perturb one modality alone, or mask audio self-attention.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import torch
from diffusers import LTX2VideoTransformer3DModel
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from trainer.model.attention import strength_bias
from trainer.model.block import Bridge, Conditions, LtxBlock, Skips, absent_block_parts, block_arguments, remove
from trainer.model.inputs import Modalities, ModalityInput, Perturbation, Perturbations

if TYPE_CHECKING:
    from trainer.model.swap import BlockSwap

_PARTS: Final = ("proj_in", "time_embed", "prompt_adaln", "caption_projection", "rope", "norm_out", "proj_out")
_PARTS_AND_TABLES: Final = (*_PARTS, "scale_shift_table")
_VIDEO_ONLY_PARTS: Final = ("keyframes_abs_pos_embedding",)
_BRIDGE_PARTS: Final = (
    "av_cross_attn_video_scale_shift",
    "av_cross_attn_audio_scale_shift",
    "av_cross_attn_video_a2v_gate",
    "av_cross_attn_audio_v2a_gate",
    "cross_attn_rope",
    "cross_attn_audio_rope",
)
_PLAIN: Final = Perturbation()


class _Rows:
    """Perturbations of the rows of a batch; a single one stands for all rows."""

    def __init__(self, rows: tuple[Perturbation, ...], device: torch.device) -> None:
        self._rows, self._device = rows, device
        self._masks: dict[tuple[bool, ...], Tensor] = {}

    @classmethod
    def of(cls, given: Perturbations | None, device: torch.device) -> _Rows:
        if isinstance(given, Perturbation) or given is None:
            return cls((given or _PLAIN,), device)
        return cls(tuple(given), device)

    def where(self, holds: Callable[[Perturbation], bool]) -> bool | Tensor:
        """True or False when it holds for all rows or for none, else a mask ``[B]``."""
        flags = tuple(map(holds, self._rows))
        if all(flags) or not any(flags):
            return flags[0]
        if flags not in self._masks:
            self._masks[flags] = torch.tensor(flags, device=self._device)
        return self._masks[flags]

    def skips(self, block: int) -> Skips:
        """What one block leaves out."""
        return Skips(
            self.where(lambda row: block in row.video_self_blocks),
            self.where(lambda row: block in row.audio_self_blocks),
        )


class LtxTransformer(LTX2VideoTransformer3DModel):
    """Velocity of video and audio latents; nothing is remembered between calls.

    ``arguments`` are those of the diffusers class (see ``settings.transformer_arguments``). Modules of a modality
    that is not in ``modalities`` are not there at all. Build on the meta device and load, or train from scratch.

    With ``gradient_checkpointing``, the first ``recomputed`` blocks (None: all) keep only their inputs and run again in
    the backward pass; the others keep their activations. The first ones, because the backward pass begins with the last
    block: what was kept there is gone again when the first recomputation needs room. The numbers are the same.
    """

    swap: BlockSwap | None = None
    """Fetches the weights of those blocks that wait in host memory; None: all are on the device."""
    recomputed: int | None = None

    _repeated_blocks = ("LtxBlock",)
    _no_split_modules = ("LtxBlock",)

    def __init__(self, arguments: Mapping[str, Any], modalities: Modalities) -> None:
        super().__init__(**{**arguments, "num_layers": 0})
        self.register_to_config(num_layers=arguments["num_layers"])
        self.modalities = modalities
        block = block_arguments(self.config)
        self.transformer_blocks = nn.ModuleList([LtxBlock(modalities, **block) for _ in range(arguments["num_layers"])])
        remove(self, absent_parts(modalities))
        self.gradient_checkpointing = False

    def forward(
        self, video: ModalityInput | None, audio: ModalityInput | None, perturbation: Perturbations | None = None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Velocities ``[B, N, C]`` of video and audio; None for the one that is not given.

        ``perturbation`` is of the whole batch or of each row: the passes of a guided step fit in one batch.

        Leaving a modality out equals a model that never had it. Raises ValueError when nothing is given or when the
        given modality was not loaded.
        """
        self._check(video, audio)
        rows = _Rows.of(perturbation, next(given for given in (video, audio) if given is not None).latent_BNC.device)
        isolated = rows.where(lambda row: row.isolate)
        bridged = video is not None and audio is not None and isolated is not True
        open_B11 = None if isinstance(isolated, bool) else (~isolated)[:, None, None]
        video_given = self._conditions("", video, audio if bridged else None, open_B11)
        audio_given = self._conditions("audio_", audio, video if bridged else None, open_B11)
        video_BND = None if video is None else self._tokens("", video)
        audio_BND = None if audio is None else self._tokens("audio_", audio)
        if self.swap is not None:
            self.swap.begin()
        for index in range(len(self.transformer_blocks)):
            given = (video_BND, audio_BND, video_given, audio_given, rows.skips(index))
            video_BND, audio_BND = self._block(index, *given)
        if self.swap is not None:
            self.swap.end(again=not torch.is_grad_enabled())
        return self._velocity("", video_BND, video_given), self._velocity("audio_", audio_BND, audio_given)

    def _block(self, index: int, *given: Any) -> tuple[Tensor | None, Tensor | None]:
        """One block, recomputed and fetched where it is to be."""
        block = self.transformer_blocks[index]
        learning = torch.is_grad_enabled()
        recomputed = self.recomputed is None or index < self.recomputed
        if self.swap is not None:
            self.swap.enter(index)
        if self.gradient_checkpointing and self.training and learning and recomputed:
            video_BND, audio_BND = checkpoint(block, *given, use_reentrant=False)
        else:
            video_BND, audio_BND = block(*given)
        if self.swap is not None and learning:
            video_BND, audio_BND = self.swap.behind(index, video_BND, audio_BND)
        return video_BND, audio_BND

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> LtxTransformer:
        """Moving: what waits in host memory stays there, its places on the device follow the rest."""
        if self.swap is None:
            super()._apply(fn, recurse)
            return self
        with self.swap.hidden():
            super()._apply(fn, recurse)
            device = next(self.parameters()).device
        self.swap.move(device)
        return self

    def _check(self, video: ModalityInput | None, audio: ModalityInput | None) -> None:
        if video is None and audio is None:
            raise ValueError("neither video nor audio was given")
        for name, given, held in (("video", video, self.modalities.video), ("audio", audio, self.modalities.audio)):
            if given is not None and not held:
                raise ValueError(f"{name} was given to a model loaded without {name}")

    def _tokens(self, prefix: str, given: ModalityInput) -> Tensor:
        x_BND = getattr(self, prefix + "proj_in")(given.latent_BNC)
        if given.keyframes_mask_BN1 is not None and not prefix and self.config.use_keyframes_abs_pos_embedding:
            x_BND = x_BND + (given.keyframes_mask_BN1 > 0).to(x_BND.dtype) * self.keyframes_abs_pos_embedding
        return x_BND

    def _conditions(
        self, prefix: str, own: ModalityInput | None, other: ModalityInput | None, open_B11: Tensor | None
    ) -> Conditions | None:
        """All that the blocks read; ``other`` is None when nothing passes between the modalities."""
        if own is None:
            return None
        rows, embedded_BTD = self._embed(prefix + "time_embed", own.timesteps_BN, own)
        prompt = None
        if hasattr(self, prefix + "prompt_adaln"):
            prompt, _ = self._embed(prefix + "prompt_adaln", own.sigma_B[:, None], own)
        context_BSD = own.context_BSD
        if hasattr(self, prefix + "caption_projection"):
            context_BSD = getattr(self, prefix + "caption_projection")(context_BSD)
        positions = own.positions_BANE
        return Conditions(
            modulation_BTRD=rows,
            embedded_BTD=embedded_BTD,
            context_BSD=context_BSD,
            rope=getattr(self, prefix + "rope")(positions, device=positions.device),
            prompt_B1RD=prompt,
            context_bias=None if own.context_mask_BS is None else strength_bias(own.context_mask_BS)[:, None, None],
            self_bias=None if own.attention_mask_BNN is None else strength_bias(own.attention_mask_BNN)[:, None],
            bridge=None if other is None else self._bridge(prefix, own, other, open_B11),
        )

    def _bridge(self, prefix: str, own: ModalityInput, other: ModalityInput, open_B11: Tensor | None) -> Bridge:
        """Scale and shift from the modality's own timesteps, the gate from the other modality's sigma."""
        kind, gate_name, rope_name = (
            ("audio", "av_cross_attn_audio_v2a_gate", "cross_attn_audio_rope")
            if prefix
            else ("video", "av_cross_attn_video_a2v_gate", "cross_attn_rope")
        )
        rows, _ = self._embed(f"av_cross_attn_{kind}_scale_shift", own.timesteps_BN, own)
        factor = self.config.cross_attn_timestep_scale_multiplier / self.config.timestep_scale_multiplier
        gate, _ = self._embed(gate_name, other.sigma_B[:, None] * factor, own)
        seconds = own.positions_BANE[:, :1]
        rope = getattr(self, rope_name)(seconds, device=seconds.device)
        return Bridge(rows, gate[:, :, 0], rope, None if open_B11 is None else open_B11.to(rows.dtype))

    def _embed(self, name: str, sigma_BT: Tensor, own: ModalityInput) -> tuple[Tensor, Tensor]:
        """Noise levels through a timestep MLP: modulation rows ``[B, T, R, D]`` and the embedding ``[B, T, D]``."""
        mlp = getattr(self, name)
        scaled = sigma_BT.float().flatten() * self.config.timestep_scale_multiplier
        rows, embedded = mlp(scaled, batch_size=sigma_BT.shape[0], hidden_dtype=own.latent_BNC.dtype)
        shape = sigma_BT.shape
        return rows.view(*shape, mlp.num_mod_params, -1), embedded.view(*shape, -1)

    def _velocity(self, prefix: str, x_BND: Tensor | None, given: Conditions | None) -> Tensor | None:
        if x_BND is None or given is None:
            return None
        shift, scale = (getattr(self, prefix + "scale_shift_table")[:, None, None] + given.embedded_BTD).unbind(0)
        x_BND = getattr(self, prefix + "norm_out")(x_BND) * (1 + scale) + shift
        return getattr(self, prefix + "proj_out")(x_BND)


def absent_parts(modalities: Modalities) -> frozenset[str]:
    """Names of root children and tables that a model of these modalities does not hold."""
    absent: set[str] = set()
    if not modalities.video:
        absent.update((*_PARTS_AND_TABLES, *_VIDEO_ONLY_PARTS))
    if not modalities.audio:
        absent.update("audio_" + name for name in _PARTS_AND_TABLES)
    if not (modalities.video and modalities.audio):
        absent.update(_BRIDGE_PARTS)
    return frozenset(absent)


def is_absent(name: str, modalities: Modalities) -> bool:
    """Whether the parameter ``name`` (diffusers naming) belongs to a part that these modalities leave out."""
    parts = name.split(".")
    if parts[0] == "transformer_blocks" and len(parts) > 2:
        return parts[2] in absent_block_parts(modalities)
    return parts[0] in absent_parts(modalities)
