"""Places where a test may end the process, as a power cut would.

``LTX2_WIZARD_FAILPOINT=NAME`` or ``NAME:COUNT`` ends it, without any clean-up, the COUNT-th time NAME is passed.
"""

from __future__ import annotations

import os

VARIABLE = "LTX2_WIZARD_FAILPOINT"
EXIT = 9

_passed: dict[str, int] = {}


def failpoint(name: str) -> None:
    """End the process here if the environment asks for it."""
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return
    target, _, count = wanted.partition(":")
    if target != name:
        return
    _passed[name] = _passed.get(name, 0) + 1
    if _passed[name] >= int(count or 1):
        os._exit(EXIT)
