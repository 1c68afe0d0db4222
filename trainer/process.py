"""The border of a trainer process: errors become messages and exit codes, bugs become crash reports.

To be imported before torch: what the environment tells its allocator is settled here.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from schemas.errors import EXIT_BUG, EXIT_SIGINT, WizardError

EXIT_SIGPIPE = 141
PACKAGES = ("ltx2-wizard", "torch", "diffusers", "transformers", "peft", "accelerate", "safetensors")
ALLOCATOR_SETTINGS = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")
"""Names that torch heeds, the first one of today and the older ones, which win where both are set."""


def settle_allocator() -> None:
    """Ask for segments of device memory that grow, unless the environment asks for anything itself.

    Clips of several sizes leave gaps in segments of a fixed size: memory that is held and of no use.
    """
    if not any(name in os.environ for name in ALLOCATOR_SETTINGS):
        os.environ["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"


settle_allocator()


def run_main(main: Callable[[], int], *, crash_folder: Callable[[], Path] = Path.cwd) -> int:
    """Run ``main`` and return the exit code.

    A WizardError is printed as it is. Anything else is a bug: its report goes to a file in ``crash_folder()`` (the
    temporary directory if that cannot be written) and the code is 1.
    """
    try:
        return main()
    except WizardError as error:
        _say(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_SIGINT
    except BrokenPipeError:
        # Whoever read our output has gone, as `| head` does: no bug, and nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return EXIT_SIGPIPE
    except Exception as error:  # noqa: BLE001 - one of the two borders where every error must end
        report = write_crash_report(error, crash_folder)
        _say(f"unexpected {type(error).__name__}: {error}\n  this is a bug; report: {report}\n")
        return EXIT_BUG


def write_crash_report(error: BaseException, folder: Callable[[], Path]) -> Path:
    """Write what is needed to understand a bug, and say where. Arguments and environment are left out: they may hold
    secrets.
    """
    import tempfile

    lines = [f"python {platform.python_version()} on {platform.platform()}"]
    for name in PACKAGES:
        try:
            lines.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lines.append(f"{name} absent")
    text = "\n".join([*lines, "", *traceback.format_exception(error)])
    name = f"crash-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for place in (folder, lambda: Path(tempfile.gettempdir())):
        try:
            path = place() / name
            path.write_text(text)
        except OSError:
            continue
        return path
    _say(text)
    return Path("(printed above)")


def _say(text: str) -> None:
    """To standard error; when nobody reads it any more the exit code still speaks."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()
