"""The demo's model, text encoder and clips, made by the real process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.terminal import ROOT


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """Where its parts lie."""

    root: Path

    @property
    def checkpoint(self) -> Path:
        return self.root / "ltx-2.0-tiny.safetensors"

    @property
    def gemma(self) -> Path:
        return self.root / "gemma"

    @property
    def dataset(self) -> Path:
        return self.root / "data" / "dataset.json"


def demo_world(root: Path, warm: str) -> DemoWorld:
    """Build it below ``root`` in a fork of the warm process."""
    command = [sys.executable, "-m", "tests.support.warm", "run", warm, "trainer.demo_assets", str(root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return DemoWorld(root)
