"""One section of the configuration that stands in a model file; every access says where it failed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.errors import CheckpointError, Location
from trainer.files.checkpoint import Checkpoint


class Section:
    """Values of one section of one file.

    A key that shapes cannot betray is never defaulted: another program's default would change the numbers in silence.
    ``flag`` has a default because real files leave flags out; a wrong one fails the strict loading.
    """

    def __init__(self, path: Path, name: str, values: Mapping[str, Any]) -> None:
        self.path, self.name, self.values = path, name, values

    @classmethod
    def of(cls, checkpoint: Checkpoint, name: str) -> Section:
        return cls(checkpoint.path, name, checkpoint.section(name))

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def need(self, key: str) -> Any:
        if key not in self:
            raise CheckpointError(
                "its configuration lacks this key",
                where=Location(self.path, key=f"{self.name}.{key}"),
                why="the model cannot be built without it, and a guess could be wrong in silence",
                hint="use the original file of the release",
            )
        return self.values[key]

    def integer(self, key: str) -> int:
        value = self.need(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 0:
            raise self.bad(key, "a whole number")
        return int(value)

    def number(self, key: str) -> float:
        value = self.need(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.bad(key, "a number")
        return float(value)

    def integers(self, key: str, length: int | None = None) -> tuple[int, ...]:
        value = self.need(key)
        whole = isinstance(value, list) and all(isinstance(item, int) for item in value)
        if not whole or (length is not None and len(value) != length):
            raise self.bad(key, "a list of whole numbers" if length is None else f"a list of {length} whole numbers")
        return tuple(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.bad(key, "true or false")
        return value

    def choice(self, key: str, *known: str) -> str:
        value = self.need(key)
        if value not in known:
            raise self.bad(key, " or ".join(known))
        return str(value)

    def below(self, key: str) -> Section:
        value = self.need(key)
        if not isinstance(value, dict):
            raise self.bad(key, "an object")
        return Section(self.path, f"{self.name}.{key}", value)

    def bad(self, key: str, wanted: str) -> CheckpointError:
        return CheckpointError(
            f"is {self.values.get(key)!r}; this program knows {wanted} there",
            where=Location(self.path, key=f"{self.name}.{key}"),
            hint="use an original LTX-2, 2.3 or 2.5 file, or a newer version of this program",
        )
