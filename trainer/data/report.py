"""What ``prepare`` did and what it could not do: nothing is left out in silence."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.errors import EXIT_DATA, EXIT_OK
from trainer.rundir.atomic import write_atomic

REPORT_NAME = "prepare_report.json"
_SHOWN = 40
"""Lines of one kind that the table on screen shows; the file has all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about one sample: in which phase, about which file, why."""

    name: str
    phase: str
    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} [{self.phase}] {self.reason}" + (f" ({self.path})" if self.path else "")


@dataclass(slots=True)
class Report:
    """Filled while preparing; written as ``prepare_report.json``."""

    samples: int = 0
    buckets: Counter[str] = field(default_factory=Counter)
    """Samples per bucket."""
    written: Counter[str] = field(default_factory=Counter)
    """Files written, by directory."""
    kept: Counter[str] = field(default_factory=Counter)
    """Files that were there already, by directory."""
    dropped: list[Finding] = field(default_factory=list)
    missing_audio: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    """What the prepared files depend on."""

    @property
    def exit_code(self) -> int:
        """0 when every sample got every file that was asked for, else 3."""
        return EXIT_DATA if self.dropped or self.missing_audio else EXIT_OK

    def data(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "ok": self.exit_code == EXIT_OK,
            "samples": self.samples,
            "buckets": dict(sorted(self.buckets.items())),
            "written": dict(sorted(self.written.items())),
            "kept": dict(sorted(self.kept.items())),
            **{kind: [_plain(one) for one in getattr(self, kind)] for kind in ("dropped", "missing_audio", "notes")},
            "settings": self.settings,
        }

    def write(self, root: Path) -> Path:
        """Write the JSON summary into the output root."""
        path = root / REPORT_NAME
        write_atomic(path, json.dumps(self.data(), indent=2, ensure_ascii=False) + "\n")
        return path

    def lines(self) -> list[str]:
        """The final table for the screen."""
        lines = [f"samples: {self.samples}"]
        lines += [f"  bucket {bucket}: {count}" for bucket, count in sorted(self.buckets.items())]
        for directory in sorted(self.written.keys() | self.kept.keys()):
            lines.append(f"  {directory}/: {self.written[directory]} written, {self.kept[directory]} kept")
        titles = {"notes": "worth knowing", "missing_audio": "without sound", "dropped": "dropped"}
        for kind, title in titles.items():
            found: list[Finding] = getattr(self, kind)
            if found:
                lines.append(f"{title}: {len(found)}")
                lines += [f"  {one}" for one in found[:_SHOWN]]
                if len(found) > _SHOWN:
                    lines.append(f"  ... and {len(found) - _SHOWN} more, all in {REPORT_NAME}")
        return lines


def _plain(finding: Finding) -> dict[str, str]:
    return {"name": finding.name, "phase": finding.phase, "path": finding.path, "reason": finding.reason}


def read_settings(root: Path) -> dict[str, Any] | None:
    """The settings of the last ``prepare`` into this root; None when there was none or its report is unreadable."""
    try:
        found = json.loads((root / REPORT_NAME).read_text("utf-8")).get("settings")
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, dict) else None
