"""Which optimizer steps have their validation samples, so that a run taken up there does not make them again."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from schemas.errors import EnvironmentFault
from schemas.fingerprint import config_fingerprint
from trainer.rundir import RunDirectory, write_atomic

if TYPE_CHECKING:
    from schemas import LtxTrainerConfig

NAME: Final = "validated.json"


class Validated:
    """``samples/validated.json``: step -> what the samples depend on beside the weights of that step."""

    def __init__(self, run: RunDirectory, config: LtxTrainerConfig) -> None:
        self._path = run.samples_path / NAME
        wanted = config.validation.model_dump(mode="json")
        for name in ("interval", "skip_initial_validation"):
            wanted.pop(name)
        text = json.dumps([config_fingerprint(config), wanted], sort_keys=True)
        self._what = hashlib.sha256(text.encode()).hexdigest()[:16]

    def has(self, step: int) -> bool:
        """Whether the samples of this step were made with these settings."""
        return self._read().get(str(step)) == self._what

    def add(self, step: int) -> None:
        """Note that they were. A disk that refuses is told by the next save; here it only means to make them again."""
        with contextlib.suppress(EnvironmentFault):
            write_atomic(self._path, json.dumps({**self._read(), str(step): self._what}), durable=False)

    def forget_after(self, step: int) -> None:
        """Going on from ``step``: later samples are of another course."""
        kept = {key: what for key, what in self._read().items() if not key.isdecimal() or int(key) <= step}
        if Path(self._path).exists():
            with contextlib.suppress(EnvironmentFault):
                write_atomic(self._path, json.dumps(kept), durable=False)

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
