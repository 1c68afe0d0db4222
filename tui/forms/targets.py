"""What LoRA patterns hit in the checkpoint of a draft, while they are being typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from schemas.errors import WizardError
from trainer.files.checkpoint import read_checkpoint
from trainer.preflight.modules import match_targets, module_names
from tui.forms.draft import Draft
from tui.forms.rows import effective


def draft_modules(draft: Draft) -> tuple[str, ...]:
    """The modules of the draft's checkpoint that its modalities need; empty when it is not on this machine."""
    path = effective(draft, "model.model_path")
    if not isinstance(path, str) or not Path(path).expanduser().is_file():
        return ()
    video, audio = (isinstance(effective(draft, f"training_strategy.{name}"), Mapping) for name in ("video", "audio"))
    try:
        return module_names(read_checkpoint(Path(path).expanduser()), video=video, audio=audio)
    except WizardError:
        return ()


def describe_hits(patterns: Sequence[object], modules: Sequence[str]) -> str:
    """How many modules each pattern hits; empty when the modules are not known."""
    if not modules:
        return ""
    hits = match_targets([str(pattern) for pattern in patterns], modules)
    found = {name for names in hits.values() for name in names}
    nothing = [pattern for pattern, names in hits.items() if not names]
    if nothing:
        return f"✖ no module matches {', '.join(nothing)}; {len(found)} modules by the others"
    each = ", ".join(f"{pattern} {len(names)}" for pattern, names in hits.items())
    return f"✔ {len(found)} modules: {each}"
