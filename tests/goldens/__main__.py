"""``python -m tests.goldens DIR [--only GLOB] [--json]``: exit 0 when every tensor is within its tolerance, else 1."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch

import tests.goldens
from schemas.errors import EXIT_BUG, EXIT_OK, EXIT_USAGE, WizardError
from tests.goldens.comparison import Comparison, GoldenModule

NOT_KINDS = frozenset({"__main__", "comparison"})


def kinds() -> list[GoldenModule]:
    """Every module of this package that checks one kind of golden file."""
    names = sorted(info.name for info in pkgutil.iter_modules(tests.goldens.__path__) if info.name not in NOT_KINDS)
    modules = [importlib.import_module(f"tests.goldens.{name}") for name in names]
    return [cast(GoldenModule, module) for module in modules if hasattr(module, "files") and hasattr(module, "run")]


def comparisons(directory: Path, only: str | None) -> Iterator[tuple[Path, Comparison]]:
    """All comparisons of a folder, in the order of kind, file, case."""
    for kind in kinds():
        for path in kind.files(directory):
            for comparison in kind.run(path, only):
                yield path, comparison


def _line(path: Path, item: Comparison) -> str:
    verdict = "ok  " if item.ok else "FAIL"
    name = f"{path.stem}/{item.case}/{item.tensor}"
    return f"{verdict} {name:<72} abs {item.max_abs:.2e}  rel {item.max_rel:.2e}  bar {item.kind} {item.tolerance:.0e}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.goldens", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--only", metavar="GLOB", help="matches FILE-STEM/CASE or tensor names")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args(arguments)
    if not options.directory.is_dir():
        sys.stderr.write(f"{options.directory} is not a directory\n")
        return EXIT_USAGE
    torch.manual_seed(0)
    results: list[tuple[Path, Comparison]] = []
    error = ""
    try:
        for path, item in comparisons(options.directory, options.only):
            results.append((path, item))
            if not options.json:
                sys.stdout.write(_line(path, item) + "\n")
                sys.stdout.flush()
    except WizardError as fault:
        error = str(fault)
    failed = sum(not item.ok for _, item in results)
    if not results and not error:
        error = "no golden file or case was selected"
    ok = not failed and not error
    if options.json:
        rows = [{"file": path.name, **asdict(item)} for path, item in results]
        sys.stdout.write(json.dumps({"ok": ok, "failed": failed, "error": error, "comparisons": rows}, indent=1) + "\n")
    else:
        sys.stdout.write(f"{len(results)} tensors, {failed} outside their tolerance\n")
        if error:
            sys.stderr.write(error + "\n")
    return EXIT_OK if ok else EXIT_BUG


if __name__ == "__main__":
    sys.exit(main())
