"""``wandb``: logging to Weights & Biases."""

from __future__ import annotations

from schemas.setting import Section, Text, When, setting

_ON = When("wandb.enabled", (True,))


class WandbConfig(Section):
    """Weights & Biases; the key comes from the environment, never from this file."""

    enabled: bool = setting(False, title="Enabled", text="Log metrics and samples to Weights & Biases", training=False)
    project: Text = setting(
        "ltxv-trainer",
        title="Project",
        text="Project the run appears in",
        recommended="ltx-2-trainer",
        when=_ON,
        training=False,
    )
    entity: str | None = setting(
        None, title="Entity", text="User or team; null uses the account's default", when=_ON, training=False
    )
    tags: list[str] = setting(
        factory=list, title="Tags", text="Labels of the run", example=["ltx2", "lora"], when=_ON, training=False
    )
    log_validation_videos: bool = setting(
        True,
        title="Log samples",
        text="Upload validation samples too",
        when=_ON,
        speed="each upload takes bandwidth",
        training=False,
    )
