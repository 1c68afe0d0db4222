"""How much memory a run takes, from plain shapes: no model file is read and no torch is needed."""

from presets.memory.advice import Change, advise
from presets.memory.decoding import ClipSize
from presets.memory.estimate import GIB, Estimate, JobShape, SavingShape, estimate
from presets.memory.phases import TextShape, ValidationShape
from presets.memory.published import PUBLISHED
from presets.memory.run import RunShape
from presets.memory.shapes import BranchShape, ModelShape, PartsShape

__all__ = [
    "GIB",
    "PUBLISHED",
    "BranchShape",
    "Change",
    "ClipSize",
    "Estimate",
    "JobShape",
    "ModelShape",
    "PartsShape",
    "RunShape",
    "SavingShape",
    "TextShape",
    "ValidationShape",
    "advise",
    "estimate",
]
