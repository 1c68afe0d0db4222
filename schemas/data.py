"""``data``: where the prepared dataset lies."""

from __future__ import annotations

from schemas.setting import LocalPath, Section, setting


class DataConfig(Section):
    """Prepared dataset and its loading."""

    preprocessed_data_root: LocalPath = setting(
        title="Prepared data",
        text="Directory written by prepare: it holds conditions/, latents/ and the others, or a .precomputed that does",
        example="/data/my_clips/.precomputed",
        provider="directory",
    )
    num_dataloader_workers: int = setting(
        2,
        title="Loader processes",
        text="Processes that read samples ahead; 0 reads in the training process",
        ge=0,
        le=256,
        recommended=2,
        advanced=True,
        speed="raise it when data seconds show up beside the step seconds",
        training=False,
    )
