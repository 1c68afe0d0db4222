"""The package's own names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import schemas


def test_every_name_is_there() -> None:
    for name in schemas.__all__:
        assert getattr(schemas, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing"):
        schemas.nothing  # noqa: B018


def test_errors_alone_load_no_models() -> None:
    code = "import sys, schemas.errors; sys.exit('pydantic' in sys.modules or 'ruamel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_heavy_is_imported() -> None:
    heavy = "{'torch', 'diffusers', 'transformers', 'accelerate', 'peft', 'wandb', 'numpy', 'textual', 'rich'}"
    code = (
        "import sys, presets, presets.geometry, schemas.explaining, schemas.json_schema, schemas.loading\n"
        f"sys.exit(bool({heavy} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
