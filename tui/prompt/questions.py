"""The questions of the guide, step by step, over the same draft."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import presets
from schemas.errors import ConfigError
from schemas.paths import MISSING
from schemas.spec import find
from tui.forms import edits
from tui.forms.draft import inside
from tui.forms.rows import build_rows, effective
from tui.forms.values import editable, parse, plain
from tui.guide.data_facts import ROOT
from tui.guide.diagram import FROZEN, GIVEN, MADE, diagram
from tui.guide.goals import goals
from tui.guide.guide import Guide, look
from tui.guide.preparation_form import options_of, preparation_draft, prepared_root
from tui.guide.preparing import prepare_command
from tui.guide.steps import STEPS, Step
from tui.prompt.console import Console
from tui.targets.selection import group_patterns

Question = Callable[[Console, Guide], None]
WIDTH: Final = 60
_ASCII: Final = str.maketrans({GIVEN: ".", MADE: "#", FROZEN: "-"})
_GROUPS: Final = (("video only", "video"), ("sound only", "audio"), ("between video and sound", "bridge"))


def questions(*, goal: bool = True, card: bool = True) -> Iterator[Question]:
    """All questions in order. What the command line has said already is not asked again."""
    for step in STEPS[:-1]:
        if step.id == "goal":
            yield from [_goal] if goal else []
        elif step.id == "hardware":
            yield from [_card] if card else []
        else:
            yield _heading(step)
            yield from (_field(path) for path in step.asks)
            yield from _EXTRA.get(step.id, ())
            yield _other(step)


def _heading(step: Step) -> Question:
    """No question: it says where one is."""

    def ask(console: Console, guide: Guide) -> None:
        console.head(step.title)
        if step.id == "conditions":
            strategy = guide.draft.data.get("training_strategy") or {}
            console.say(*("".join(text for text, _ in line).translate(_ASCII) for line in diagram(strategy, WIDTH)))

    return ask


def _goal(console: Console, guide: Guide) -> None:
    known = goals()
    console.head("Goal", ("What should the model learn? < goes back to the question before, at every question.",))
    lines = [f"{each.intent} ({each.info.task})" for each in known]
    now = next((index for index, each in enumerate(known) if each.name == guide.goal), 0)
    chosen = known[console.choose("Goal", lines, now)]
    if chosen.name != guide.goal:
        guide.choose_goal(chosen.name)


def _card(console: Console, guide: Guide) -> None:
    console.head("Hardware", ("Memory of the graphics card?",))
    sizes = [None, *presets.tiers()]
    lines = ["as published, for large cards", *(f"{size} GB" for size in sizes[1:])]
    chosen = sizes[console.choose("Card", lines, sizes.index(guide.tier) if guide.tier in sizes else 0)]
    if chosen != guide.tier:
        guide.choose_card(chosen)


def _field(path: str) -> Question:
    """One field of the schema: its meaning, its value, and what would be wrong with another."""

    def ask(console: Console, guide: Guide) -> None:
        spec, draft = find(path), guide.draft
        now = _text(guide, path)
        console.say(f"{spec.title}: {spec.description}")
        answer = console.ask(path, now, lambda text: edits.verdict(draft, path, parse(spec, text)))
        if answer != now:
            edits.assign(draft, path, parse(spec, answer))
        if path in _FACTS:
            _show_facts(console, guide, path)

    return ask


def _text(guide: Guide, path: str) -> str:
    found = guide.draft.get(path)
    return editable(find(path), effective(guide.draft, path) if found is MISSING else found)


_FACTS: Final = {"model.text_encoder_path": "model", "model.model_path": "model", ROOT: "data"}
"""Fields after which files are looked at."""


def _show_facts(console: Console, guide: Guide, path: str) -> None:
    guide.take(*look(*guide.stale()))
    facts = guide.model if _FACTS[path] == "model" else guide.data
    if facts is not None:
        console.say(*(f"  {line}" for line in facts.lines))


def _targets(console: Console, guide: Guide) -> None:
    names = [plain(name) for name in effective(guide.draft, "lora.target_modules") or ()]
    console.say(f"Target modules: {', '.join(names)}")
    chosen = console.choose("Modules", ["as they are", *(text for text, _ in _GROUPS)])
    if chosen:
        guide.draft.set("lora.target_modules", group_patterns(_GROUPS[chosen - 1][1]))


def _prepare(console: Console, guide: Guide) -> None:
    """Only where there is a dataset file that is not prepared yet."""
    facts = guide.data
    if facts is None or facts.dataset is None or facts.state.mark == "done":
        return
    if not console.confirm(f"Prepare {facts.dataset.name} now? It may take long", default=False):
        return
    draft = preparation_draft(guide.draft, facts.dataset, facts.clip)
    options = options_of(draft)
    if options is None:
        console.say(*(f"  ! {problem.path}: {problem.message}" for problem in draft.problems))
        return
    code = subprocess.run(prepare_command(options), check=False).returncode
    console.say(f"prepare ended with exit code {code}")
    guide.draft.set(ROOT, str(prepared_root(options)))
    guide.forget()
    _show_facts(console, guide, ROOT)


_EXTRA: Final[dict[str, tuple[Question, ...]]] = {"data": (_prepare,), "targets": (_targets,)}


def _other(step: Step) -> Question:
    """Every other field of the step can be set by name."""

    def ask(console: Console, guide: Guide) -> None:
        while True:
            answer = console.ask("Another field of this step as PATH=VALUE, ? to list them, empty to go on")
            if not answer:
                return
            if answer == "?":
                console.say(*_listed(step, guide))
            else:
                console.say(*_assigned(answer, guide))

    return ask


def _listed(step: Step, guide: Guide) -> Iterator[str]:
    for row in build_rows(guide.draft):
        if row.selectable and any(inside(row.path, path) for path in step.only):
            yield f"  {row.path} = {plain(row.value)}"


def _assigned(answer: str, guide: Guide) -> Iterator[str]:
    path, equals, text = answer.partition("=")
    path = path.strip()
    if not equals:
        yield "  ! write PATH=VALUE, for example lora.rank=16"
        return
    try:
        spec = find(path)
    except ConfigError as error:
        yield f"  ! {error.message}{f' ({error.hint})' if error.hint else ''}"
        return
    value = parse(spec, text.strip())
    if problem := edits.verdict(guide.draft, path, value):
        yield from (f"  ! {part}" for part in problem.splitlines())
        return
    edits.assign(guide.draft, path, value)
    yield f"  {path} = {plain(value)}"


def judge_name(text: str) -> str:
    """What is wrong with a file name to save under."""
    path = Path(text).expanduser()
    if not text:
        return "a name is needed"
    return "this is a directory" if path.is_dir() else ""
