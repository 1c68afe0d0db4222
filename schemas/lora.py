"""``lora``: size and place of the adapters."""

from __future__ import annotations

from schemas.setting import Number, Section, Text, When, setting

_LORA = When("model.training_mode", ("lora",))


class LoraConfig(Section):
    """LoRA adapters; used when ``model.training_mode`` is lora."""

    rank: int = setting(
        64,
        title="Rank",
        text="Inner size of each adapter; the parameter count is linear in it",
        ge=2,
        recommended=32,
        when=_LORA,
        memory="rank 32 on all attention: 214 M parameters, 0.9 GB in fp32, as much again for gradients",
        quality="motion 8-16, one style or subject 32-64, several concepts 96-128, references 16-32",
    )
    alpha: int = setting(
        64,
        title="Alpha",
        text="Scale of the adapters: their output counts alpha / rank times",
        ge=1,
        recommended=32,
        when=_LORA,
        quality="keep it equal to the rank and change the learning rate instead",
    )
    dropout: Number = setting(
        0.0,
        title="Dropout",
        text="Share of adapter inputs zeroed at random while training",
        ge=0.0,
        le=1.0,
        recommended=0.0,
        advanced=True,
        when=_LORA,
        quality="a little (0.05-0.1) may help against overfitting of small datasets",
    )
    ema_decay: Number | None = setting(
        None,
        title="Weight average",
        text="Decay of a running average of the adapters, exported beside them; null keeps none",
        gt=0.0,
        lt=1.0,
        recommended=None,
        example=0.999,
        advanced=True,
        extension=True,
        when=_LORA,
        memory="one more fp32 copy of the adapters",
        quality="an average over the last 1 / (1 - decay) steps is smoother than the newest weights",
    )
    target_modules: list[Text] = setting(
        factory=lambda: ["to_k", "to_q", "to_v", "to_out.0"],
        title="Target modules",
        text="Name endings of the modules that get an adapter: to_k matches every attention of both modalities, "
        "attn1.to_k only the video self-attention, audio_attn1.to_k only the audio one",
        min_length=1,
        example=["attn1.to_k", "attn1.to_q", "attn1.to_v", "attn1.to_out.0"],
        when=_LORA,
        provider="lora_modules",
        memory="fewer modules, fewer parameters: video attention only is half of all attention",
        quality="add ff.net.0.proj and ff.net.2 for more capacity; leave out the modality you do not train",
    )
