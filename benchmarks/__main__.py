"""``python -m benchmarks [NAME ...]``: the bars this project holds itself to, measured on this machine.

Each benchmark prints medians beside its bar. Times depend on the machine and what else runs on it; nothing here is a
test.
"""

from __future__ import annotations

import sys

from benchmarks import overhead, quantization, startup, swap, terminal, vram, wizard

ALL = {
    "startup": startup.main,
    "wizard": wizard.main,
    "terminal": terminal.main,
    "overhead": overhead.main,
    "quantization": quantization.main,
    "vram": vram.main,
    "swap": swap.main,
}


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(ALL))
    if unknown:
        sys.stderr.write(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(ALL)}\n")
        return 2
    for name in names or list(ALL):
        sys.stdout.write(f"== {name}\n")
        ALL[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
