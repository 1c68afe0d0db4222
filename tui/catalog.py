"""The commands and their one-line help, known without importing any of them.

``ltx2-wizard --help`` must answer at once, so the list is written here; a test holds it equal to the modules in
``tui/commands`` and to the first line of each command's own help.
"""

from __future__ import annotations

from typing import Final

COMMANDS: Final[dict[str, str]] = {
    "new": "Make a new configuration in the wizard.",
    "edit": "Edit an existing configuration in the wizard; comments survive.",
    "init": "Write a complete commented configuration from a preset, without a terminal.",
    "presets": "List the presets: task, data they need, memory tiers.",
    "check": "Check a configuration, its files and its data before anything is loaded.",
    "estimate": "Estimate the memory a run needs, and what to change so that it fits.",
    "explain": "Explain one configuration field.",
    "schema": "Print the JSON Schema of the configuration.",
    "diff": "Show what differs between two configurations.",
    "prepare": "Turn media and captions into latents and text features.",
    "inspect": "Show what a prepared or raw dataset holds.",
    "probe": "Take a few real steps and measure memory and time beside the estimate.",
    "train": "Train from a configuration.",
    "monitor": "Watch a run: losses, memory, samples, log, controls.",
    "runs": "List runs and their states.",
    "send": "Send a command to a running trainer.",
    "lora-check": "Look into a LoRA file: NaN, dead modules, size and share of the change, key names.",
    "doctor": "Look at this machine: GPU, driver, libraries, memory, disk.",
    "demo": "Build a tiny model and dataset, then train on it end to end.",
}
"""Command name -> one line, in the order a person meets them."""


def module_of(command: str) -> str:
    """The module that holds ``command`` as its attribute ``command``."""
    return "tui.commands." + command.replace("-", "_")
