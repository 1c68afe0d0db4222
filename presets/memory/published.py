"""The three published releases, as their headers describe them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from presets.memory.shapes import BranchShape, ModelShape, PartsShape

GEMMA_3: Final = 11_766_034_176
"""Language part of Gemma 3 12B."""
GEMMA_4: Final = 11_907_350_320
"""Language part of the packed Gemma 4 12B."""
_AUDIO: Final = {"audio_encoder": 21_333_008, "audio_decoder": 31_915_138}
_SECOND: Final = {"video_connector": 1_612_546_304, "audio_connector": 403_620_096, "extractor": 1_156_061_184}
_VIDEO: Final = BranchShape(4096, 32, 128)
_SOUND: Final = BranchShape(2048, 32, 128)

PUBLISHED: Final[Mapping[str, ModelShape]] = MappingProxyType(
    {
        "2.0": ModelShape(
            name="2.0",
            layers=48,
            video=_VIDEO,
            audio=_SOUND,
            bridge_width=2048,
            caption_width=3840,
            gated=False,
            modulated=False,
            prompt_embedding=False,
            keyframe_embedding=False,
            vae="2.0",
            parts=PartsShape(
                video_connector=354_470_400,
                audio_connector=354_470_400,
                extractor=722_534_400,
                video_encoder=694_098_881,
                video_decoder=528_380_720,
                vocoder=55_592_802,
                text_encoder=GEMMA_3,
                **_AUDIO,
            ),
        ),
        "2.3": ModelShape(
            name="2.3",
            layers=48,
            video=_VIDEO,
            audio=_SOUND,
            bridge_width=2048,
            caption_width=None,
            gated=True,
            modulated=True,
            prompt_embedding=True,
            keyframe_embedding=False,
            vae="2.3",
            parts=PartsShape(
                video_encoder=318_936_897,
                video_decoder=407_169_072,
                vocoder=129_085_032,
                text_encoder=GEMMA_3,
                **_AUDIO,
                **_SECOND,
            ),
        ),
        "2.5": ModelShape(
            name="2.5",
            layers=48,
            video=BranchShape(4096, 32, 128, ff_bias=False),
            audio=_SOUND,
            bridge_width=2048,
            caption_width=None,
            gated=True,
            modulated=True,
            prompt_embedding=True,
            keyframe_embedding=True,
            vae="2.5",
            parts=PartsShape(
                video_encoder=318_936_897,
                video_decoder=417_133_744,
                vocoder=129_085_032,
                text_encoder=GEMMA_4,
                text_embedding=262_144 * 3840,
                **_AUDIO,
                **_SECOND,
            ),
        ),
    }
)
