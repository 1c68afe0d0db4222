"""A driver's tool that answers for cards this machine does not have; the real question is asked of it."""

from __future__ import annotations

from pathlib import Path


def write_driver(folder: Path, *cards: tuple[int, str, str], cuda: str = "12.8") -> None:
    """Put an ``nvidia-smi`` into ``folder``: memory in MiB, compute capability and name of each card."""
    rows = [
        f"{index}, {name}, {memory}, 512, 3, {capability}, 570.86.10"
        for index, (memory, capability, name) in enumerate(cards)
    ]
    write_tool(folder, "\\n".join(rows), f"| CUDA Version: {cuda} |")


def write_tool(folder: Path, rows: str, header: str = "") -> None:
    """The same from the very text of its answers."""
    folder.mkdir(parents=True, exist_ok=True)
    tool = folder / "nvidia-smi"
    tool.write_text(f'#!/bin/sh\ncase "$1" in --query*) printf \'{rows}\\n\';; *) echo "{header}";; esac\n', "utf-8")
    tool.chmod(0o755)
