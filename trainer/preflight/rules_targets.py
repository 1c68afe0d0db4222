"""LoRA targets against the real module list of the checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from trainer.preflight.facts import Facts
from trainer.preflight.modules import Module, close_endings, match_targets
from trainer.preflight.problem import Problem, error, info, warning

_FIELD: Final = "lora.target_modules"


def targeted(facts: Facts) -> tuple[Module, ...]:
    """The modules that get an adapter; none in full training or without a checkpoint."""
    lora = facts.config.lora
    if lora is None or facts.config.model.training_mode != "lora":
        return ()
    hits = match_targets(lora.target_modules, (module.name for module in facts.present_modules))
    wanted = {name for names in hits.values() for name in names}
    return tuple(module for module in facts.present_modules if module.name in wanted)


def targets(facts: Facts) -> Iterator[Problem]:
    """Every pattern hits something in memory; what the patterns hit is told."""
    lora = facts.config.lora
    if lora is None or facts.config.model.training_mode != "lora" or not facts.modules:
        return
    here = match_targets(lora.target_modules, (module.name for module in facts.present_modules))
    anywhere = match_targets(lora.target_modules, (module.name for module in facts.modules))
    for index, pattern in enumerate(lora.target_modules):
        if not here[pattern]:
            yield _no_match(facts, f"{_FIELD}[{index}]", pattern, bool(anywhere[pattern]))
    found = targeted(facts)
    if found:
        yield _summary(found, lora.rank)
        yield from _branches(facts, found)
        yield from _rank(found, lora.rank)


def _no_match(facts: Facts, path: str, pattern: str, elsewhere: bool) -> Problem:
    if elsewhere:
        absent = "audio" if facts.video else "video"
        return error(
            "target-not-loaded",
            path,
            f"'{pattern}' names modules that need {absent}, which this run does not load",
            f"delete the pattern, or give training_strategy.{absent} a value",
        )
    names = [module.name for module in facts.present_modules]
    near = close_endings(pattern, names)
    hint = f"did you mean {', '.join(near)}?" if near else "for example attn1.to_k, ff.net.0.proj, audio_attn1.to_q"
    return error("target-no-match", path, f"no module of this model matches '{pattern}'", hint)


def _summary(found: Sequence[Module], rank: int) -> Problem:
    per_kind = Counter(_kind(module) for module in found)
    total = sum(module.lora_parameters(rank) for module in found)
    kinds = ", ".join(f"{name} ({count})" for name, count in sorted(per_kind.items()))
    return info("targets", _FIELD, f"{len(found)} modules, {total:,} trainable parameters at rank {rank}: {kinds}")


def _kind(module: Module) -> str:
    parts = module.name.split(".")
    return parts[2] if parts[0] == "transformer_blocks" else parts[0]


def _branches(facts: Facts, found: Sequence[Module]) -> Iterator[Problem]:
    """Adapters on a modality that is only given, and generated ones without any."""
    strategy = facts.config.training_strategy
    counts = Counter(module.branch for module in found)
    for name in ("video", "audio"):
        modality = strategy.video if name == "video" else strategy.audio
        own = counts["video" if name == "video" else "audio"] + counts["bridge"]
        if modality is not None and modality.is_generated and not own:
            yield warning(
                "targets-miss-generated",
                _FIELD,
                f"{name} is generated, but no adapter lies in its branch",
                f"add {'audio_attn1.to_k' if name == 'audio' else 'attn1.to_k'} and its like",
            )
        if modality is not None and not modality.is_generated and counts["video" if name == "video" else "audio"]:
            yield info(
                "targets-on-frozen",
                _FIELD,
                f"{counts['video' if name == 'video' else 'audio']} adapters lie in the {name} branch, "
                f"which is given and not generated",
                "shorter patterns such as to_k match both branches",
            )


def _rank(found: Sequence[Module], rank: int) -> Iterator[Problem]:
    small = [module for module in found if rank > min(module.inputs, module.outputs)]
    if small:
        yield warning(
            "lora-rank",
            "lora.rank",
            f"rank {rank} is larger than {len(small)} of the modules themselves, such as {small[0].name} "
            f"({small[0].inputs} to {small[0].outputs})",
            "such an adapter costs more than the module; lower the rank or leave the module out",
        )


def stg_blocks(facts: Facts) -> Iterator[Problem]:
    """Blocks of STG guidance exist in this checkpoint."""
    validation, checkpoint = facts.config.validation, facts.sound_checkpoint
    if checkpoint is None or not validation.stg_blocks:
        return
    layers = checkpoint.section("transformer").get("num_layers")
    if not isinstance(layers, int):
        return
    used = facts.validates and (validation.video_stg_scale > 0 or validation.audio_stg_scale > 0)
    for index, block in enumerate(validation.stg_blocks):
        if block >= layers:
            message = f"block {block} does not exist: this model has {layers} (0 to {layers - 1})"
            make = error if used else warning
            yield make("stg-block", f"validation.stg_blocks[{index}]", message, "28 for 2.3 and 2.5, 29 for 2.0")
