"""How much memory a run takes, from plain shapes: no model file is read and no torch is needed."""

from presets.memory.blocks import BlockPlan, resolve_blocks, settled, usable
from presets.memory.calibration import FORMULAS_ALONE, Calibration
from presets.memory.card import Card
from presets.memory.decoding import ClipSize
from presets.memory.estimate import GIB, Estimate, JobShape, SavingShape, estimate
from presets.memory.phases import TextShape, ValidationShape
from presets.memory.published import PUBLISHED
from presets.memory.run import RunShape
from presets.memory.shapes import BranchShape, ModelShape, PartsShape
from presets.memory.solver import WISHES, Change, Proposal, Wish, cheapest, solve
from presets.memory.weighing import known, weigh

__all__ = [
    "FORMULAS_ALONE",
    "GIB",
    "PUBLISHED",
    "WISHES",
    "BlockPlan",
    "BranchShape",
    "Calibration",
    "Card",
    "Change",
    "ClipSize",
    "Estimate",
    "JobShape",
    "ModelShape",
    "PartsShape",
    "Proposal",
    "RunShape",
    "SavingShape",
    "TextShape",
    "ValidationShape",
    "Wish",
    "cheapest",
    "estimate",
    "known",
    "resolve_blocks",
    "settled",
    "solve",
    "usable",
    "weigh",
]
