"""The product's processes as the demo starts them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tui.launch import module_command


def run_process(module: str, *arguments: str) -> None:
    """Run one torch process on our own streams; when it fails it has said why, and its exit code becomes ours."""
    sys.stdout.flush()
    done = subprocess.run(module_command(module, *arguments), check=False)
    if done.returncode != 0:
        raise SystemExit(_exit_code(done.returncode))


def run_quietly(module: str, *arguments: str) -> None:
    """The same for a process whose words matter only when it fails."""
    done = subprocess.run(
        module_command(module, *arguments), check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise SystemExit(_exit_code(done.returncode))


def ask_process(module: str, *arguments: str) -> dict[str, Any]:
    """The same for a process that answers with one JSON object."""
    done = subprocess.run(module_command(module, *arguments), check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(_exit_code(done.returncode))
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _exit_code(returned: int) -> int:
    """As a shell would put it: a signal is 128 and its number."""
    return returned if returned >= 0 else 128 - returned
