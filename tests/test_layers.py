"""The layers of the design hold: statically (import-linter) and when the modules really load."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUICK = ("schemas", "presets", "tui", "trainer.files", "trainer.preflight", "trainer.rundir")
HEAVY = ("torch", "diffusers", "transformers", "accelerate", "peft", "wandb", "bitsandbytes", "optimum")


def test_import_contracts() -> None:
    """In a process of its own: the checker switches off every logger that exists."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run([*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _modules(package: str) -> list[str]:
    path = ROOT / package.replace(".", "/")
    found = pkgutil.walk_packages([str(path)], prefix=f"{package}.")
    return [package, *(module.name for module in found if not module.name.endswith("__main__"))]


def test_quick_modules_load_nothing_heavy() -> None:
    """Every module of the quick rooms is really imported in one fresh process."""
    names = [name for package in QUICK for name in _modules(package)]
    assert len(names) > len(QUICK)
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_rooms_stay_small() -> None:
    """About 300 lines a file is the rule; 350 is where this test starts to complain."""
    files = [path for top in ("schemas", "presets", "trainer", "tui") for path in (ROOT / top).rglob("*.py")]
    assert files
    long = {str(path.relative_to(ROOT)): count for path in files if (count := len(path.read_text().splitlines())) > 350}
    assert not long
