"""The steps of the guide, in the order of a person's decisions; they can be taken in any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.errors import FieldProblem
from tui.forms.draft import inside
from tui.guide.goals import goal
from tui.guide.guide import Guide
from tui.guide.state import StepState


@dataclass(frozen=True, slots=True)
class Step:
    """One step: which parts of the configuration it is about, and how far it is."""

    id: str
    title: str
    only: tuple[str, ...]
    """Sections and fields that are shown, and whose problems count here."""
    asks: tuple[str, ...]
    """The fields that matter most: what the prompt mode asks for."""
    known: Callable[[Guide], StepState]
    """How far the step is when none of its fields is wrong."""

    def state(self, guide: Guide) -> StepState:
        """Done, open or wrong, in a few words."""
        count = sum(1 for problem in guide.draft.problems if step_of(problem.path) is self)
        if count:
            return StepState("wrong", f"{count} {'error' if count == 1 else 'errors'}")
        known = self.known(guide)
        found, values = guide.refused.get(self.id, (0, []))
        if found and known.mark != "wrong" and values == self.values(guide):
            return StepState("wrong", f"the check found {found}")
        return known

    def values(self, guide: Guide) -> list[Any]:
        """What is set in this step."""
        return [guide.draft.get(path) for path in self.only] or [guide.draft.data]


def _goal(guide: Guide) -> StepState:
    if guide.goal is None:
        return StepState("open", "nothing chosen yet")
    return StepState("done", goal(guide.goal).intent)


def _model(guide: Guide) -> StepState:
    return guide.model.state if guide.model is not None else StepState("open", "")


def _data(guide: Guide) -> StepState:
    return guide.data.state if guide.data is not None else StepState("open", "")


def _hardware(guide: Guide) -> StepState:
    if guide.tier is None:
        return StepState("done" if "hardware" in guide.visited else "open", "as published")
    return StepState("done", f"{guide.tier} GB")


def _review(guide: Guide) -> StepState:
    if guide.draft.dirty or guide.draft.path is None:
        return StepState("open", "not saved")
    return StepState("done", "saved")


def _looked_at(name: str) -> Callable[[Guide], StepState]:
    """The preset's values are good as they are; a step whose values were looked at is done."""

    def known(guide: Guide) -> StepState:
        return StepState("done", "") if name in guide.visited else StepState("open", "as the goal has it")

    return known


STEPS: Final = (
    Step("goal", "Goal", (), (), _goal),
    Step("model", "Model files", ("model",), ("model.model_path", "model.text_encoder_path"), _model),
    Step("data", "Data", ("data",), ("data.preprocessed_data_root",), _data),
    Step("conditions", "Modalities", ("training_strategy",), (), _looked_at("conditions")),
    Step("targets", "Target modules", ("lora",), ("lora.rank", "lora.alpha"), _looked_at("targets")),
    Step("hardware", "Hardware", (), (), _hardware),
    Step(
        "optimization",
        "Optimization",
        ("optimization", "acceleration", "flow_matching", "seed"),
        ("optimization.steps", "optimization.learning_rate", "optimization.batch_size"),
        _looked_at("optimization"),
    ),
    Step(
        "validation",
        "Validation",
        ("validation",),
        ("validation.interval", "validation.samples[0].prompt"),
        _looked_at("validation"),
    ),
    Step(
        "logging",
        "Logging, hub",
        ("output_dir", "checkpoints", "wandb", "hub"),
        ("output_dir", "checkpoints.interval", "wandb.enabled", "hub.push_to_hub"),
        _looked_at("logging"),
    ),
    Step("review", "Review", (), (), _review),
)
INDEX: Final = {step.id: number for number, step in enumerate(STEPS)}


def step_of(path: str) -> Step:
    """The step in which a field is edited; the review for what belongs to no field."""
    for step in STEPS:
        if any(inside(path, section) for section in step.only):
            return step
    return STEPS[INDEX["review"]]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that keeps a training from being started, and where to mend it."""

    step: str
    path: str
    message: str
    hint: str = ""


def obstacles(guide: Guide) -> tuple[Obstacle, ...]:
    """Everything that is wrong: fields first, then steps that are wrong for another reason, or open and needed."""
    found = [_of_problem(problem) for problem in guide.draft.problems]
    return (*found, *_of_steps(guide))


def refuse(guide: Guide, found: Sequence[Obstacle]) -> None:
    """Mark the steps in which the check found something, until what is set there changes."""
    counts = Counter(one.step for one in found if one.path)
    guide.refused = {name: (count, STEPS[INDEX[name]].values(guide)) for name, count in counts.items()}


def unready(guide: Guide) -> tuple[str, ...]:
    """Titles of the steps that keep a training with valid settings from being started, as far as is known."""
    looked_at = {"model": guide.model, "data": guide.data}
    states = [(step, step.state(guide)) for step in STEPS]
    return tuple(
        step.title
        for step, state in states
        if state.mark == "wrong" or (state.mark == "open" and looked_at.get(step.id) is not None)
    )


def _of_problem(problem: FieldProblem) -> Obstacle:
    return Obstacle(step_of(problem.path).id, problem.path, problem.message, problem.hint)


_HINTS: Final = {
    "model": "the step shows what was read from the files",
    "data": "the step shows what is there, and prepares a dataset file",
}


def _of_steps(guide: Guide) -> Iterator[Obstacle]:
    """A text encoder may be missing, for a run without samples; a checkpoint and data may not."""
    for name in ("model", "data"):
        state = STEPS[INDEX[name]].known(guide)
        needed = name == "data" or guide.model is None or not guide.model.checkpoint
        if state.mark == "wrong" or (state.mark == "open" and needed):
            yield Obstacle(name, "", state.words or "not looked at yet", _HINTS[name])
