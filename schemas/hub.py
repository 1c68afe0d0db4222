"""``hub``: publishing to the Hugging Face Hub."""

from __future__ import annotations

import re

from pydantic import field_validator, model_validator

from schemas.setting import Section, When, fail, setting


class HubConfig(Section):
    """Upload of the trained weights; the token comes from the environment, never from this file."""

    push_to_hub: bool = setting(
        False,
        title="Upload",
        text="Upload the weights, samples and a model card when training has finished",
        training=False,
    )
    hub_model_id: str | None = setting(
        None,
        title="Repository",
        text="Repository to upload to, as user/name",
        example="user/my-ltx2-lora",
        when=When("hub.push_to_hub", (True,)),
        training=False,
    )

    @field_validator("hub_model_id")
    @classmethod
    def _repository(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", value):
            fail(f"{value!r} is not a repository name", hint="write it as user/name: letters, digits, - _ .")
        return value

    @model_validator(mode="after")
    def _needed_for_upload(self) -> HubConfig:
        if self.push_to_hub and not self.hub_model_id:
            fail(
                "push_to_hub needs a repository",
                hint="set hub.hub_model_id to user/name, or push_to_hub to false",
                at="hub_model_id",
                also=("push_to_hub",),
            )
        return self
