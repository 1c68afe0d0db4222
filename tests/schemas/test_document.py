"""Editing a file: the values become what was asked for, everything else stays."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas import ConfigDocument, ConfigError
from schemas.document import write_text_atomic
from schemas.emitting import block_lines
from schemas.errors import EnvironmentFault, FieldProblem
from tests.schemas.samples import CURRENT, SEED_ERA

TEXT = """\
# my file
model:   # which one
  model_path: a.safetensors  # the base

  # weights to start from
  load_checkpoint:   # nothing yet
lora: {rank: 8, alpha: 8}  # small
validation:
  # two samples
  samples:
  - prompt: "one"   # first
    seed: 1
  # the second
  - prompt: |
      two
      lines
  video_dims:
    - 64
    - 64
    - 9

# the end
seed: 1
"""


def edited(path: str, value: Any, text: str = TEXT) -> str:
    document = ConfigDocument.from_text(text)
    document.set(path, value)
    assert document.get(path) == value
    return document.dump()


def only_line(old: str, new: str) -> str:
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


def test_a_scalar_changes_in_place() -> None:
    assert edited("seed", 2) == only_line("# the end\nseed: 1", "# the end\nseed: 2")
    assert edited("model.model_path", "b c.safetensors") == only_line("a.safetensors", '"b c.safetensors"')
    assert edited("validation.samples[0].prompt", "uno") == only_line('"one"', '"uno"')
    assert edited("validation.video_dims[2]", 17) == only_line("- 9\n", "- 17\n")


def test_an_empty_value_is_filled() -> None:
    assert edited("model.load_checkpoint", "x") == only_line(
        "load_checkpoint:   # nothing", 'load_checkpoint: "x"   # nothing'
    )


def test_flow_sections_change_as_a_whole() -> None:
    assert edited("lora.rank", 16) == only_line("{rank: 8, alpha: 8}", "\n  rank: 16\n  alpha: 8").replace(
        "lora: \n", "lora:  # small\n"
    ).replace("alpha: 8  # small", "alpha: 8")


def test_block_text_is_replaced() -> None:
    assert edited("validation.samples[1].prompt", "deux") == only_line("|\n      two\n      lines", '"deux"')


def test_new_keys_follow_their_section() -> None:
    assert edited("validation.samples[0].conditions", []) == only_line(
        "    seed: 1\n", "    seed: 1\n    conditions: []\n"
    )
    assert edited("optimization.steps", 5) == TEXT + "optimization:\n  steps: 5\n"
    assert edited("model.training_mode", "full") == only_line(
        "  load_checkpoint:   # nothing yet\n", '  load_checkpoint:   # nothing yet\n  training_mode: "full"\n'
    )


def test_items_are_added_and_removed() -> None:
    added = edited("validation.samples[2]", {"prompt": "three", "conditions": [{"type": "first_frame"}]})
    assert added == only_line(
        "      lines\n",
        '      lines\n  - prompt: "three"\n    conditions:\n      - type: "first_frame"\n',
    )
    document = ConfigDocument.from_text(TEXT)
    assert document.delete("validation.samples[0]")
    assert document.dump() == only_line('  - prompt: "one"   # first\n    seed: 1\n', "")
    assert not document.delete("validation.samples[7]")


def test_items_left_empty_are_filled_and_put_first() -> None:
    text = "# a - b\nlist:\n  - # one - none\n  # two - none\n  -\nnext: 1\n"
    document = ConfigDocument.from_text(text)
    document.set("list[1]", "x")
    assert document.dump() == text.replace("  -\nnext", '  - "x"\nnext')
    document.set("list[0]", "y")
    assert document.dump() == text.replace("  -\nnext", '  - "x"\nnext').replace("- # one", '- "y" # one')
    document.update({"list": ["z", "y", "x"], "next": 1})
    assert document.dump().startswith('# a - b\nlist:\n  - "z"\n  - "y" # one - none\n')


def test_sections_are_emptied_and_filled() -> None:
    document = ConfigDocument.from_text(TEXT)
    document.set("model", None)
    assert document.dump().startswith("# my file\nmodel: null   # which one\nlora:")
    document.set("model.model_path", "z")
    assert document.dump().startswith('# my file\nmodel:   # which one\n  model_path: "z"\nlora:')
    document.set("validation.samples", [])
    assert document.get("validation") == {"samples": [], "video_dims": [64, 64, 9]}
    assert "# two samples" in document.dump()


def test_the_first_key_of_an_item_can_go() -> None:
    document = ConfigDocument.from_text(TEXT)
    document.delete("validation.samples[0].prompt")
    assert document.get("validation.samples[0]") == {"seed": 1}


def test_aliases_are_not_edited_behind_a_persons_back() -> None:
    document = ConfigDocument.from_text("a: &x [1, 2]\nb: *x\n")
    with pytest.raises(ConfigError, match="by hand"):
        document.set("a", [1, 3])
    document.set("b", [1, 3])
    assert document.dump() == "a: &x [1, 2]\nb: [1, 3]\n"


def test_impossible_paths() -> None:
    document = ConfigDocument.from_text(TEXT)
    for path, words in (
        ("seed.x", "not a section"),
        ("validation.samples[9]", "shorter"),
        ("", "no path"),
        ("a..b", "path"),
    ):
        with pytest.raises(ConfigError, match=words):
            document.set(path, 1)
    with pytest.raises(ConfigError):
        document.set("model.model_path", "\ud800")
    assert document.dump() == TEXT


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no configuration"),
        ("# x\n", "no configuration"),
        ("- a\n", "a list"),
        ("5\n", "a single value"),
        ("null", "no configuration"),
    ],
)
def test_files_that_hold_no_sections(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ConfigDocument.from_text(text)


@pytest.mark.parametrize("path", [SEED_ERA, CURRENT])
def test_reading_changes_nothing(path: Path) -> None:
    document = ConfigDocument.read(path)
    assert document.dump() == path.read_text()
    document.update(document.data())
    assert document.dump() == path.read_text()


def test_positions() -> None:
    document = ConfigDocument.read(CURRENT)
    lines = CURRENT.read_text().splitlines()

    def line_of(path: str) -> str:
        spot = document.position(path)
        assert spot is not None
        return lines[spot[0] - 1][spot[1] - 1 :]

    assert line_of("optimization.scheduler_params.T_mult").startswith("T_mult: 2")
    assert line_of("validation.samples[0].conditions[2].duration").startswith("duration: 1.5")
    assert line_of("training_strategy.video.conditions[1]").startswith("type: prefix")
    assert line_of("lora.nothing_here").startswith("lora:")
    assert ConfigDocument.from_text("a: 1").position("b") is None
    located = document.located((FieldProblem("seed", "wrong"),))
    assert (located[0].line, located[0].column) == (len(lines) - 1, 1)


def test_upgrade_rewrites_older_keys() -> None:
    document = ConfigDocument.read(SEED_ERA)
    notes = document.upgrade()
    assert [note.path for note in notes] == ["validation.guidance_scale", "validation.stg_scale"]
    assert document.get("validation.audio_cfg_scale") == 4.0
    assert document.get("validation.guidance_scale") is None
    assert document.upgrade() == ()
    assert document.dump().startswith("# The snippets of the older configuration reference")


def test_writing_is_atomic_and_keeps_rights(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.yaml"
    document = ConfigDocument.from_text("a: é\n")
    with pytest.raises(ConfigError, match="no file"):
        document.write()
    document.write(path)
    path.chmod(0o600)
    document.set("a", 2)
    assert document.write() == path
    assert path.read_bytes() == b"a: 2\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    document.write(link)
    assert link.is_symlink()
    assert [found.name for found in path.parent.iterdir()] == ["config.yaml"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "config.yaml"
    target.mkdir()
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        write_text_atomic(target, "x")
    assert [found.name for found in tmp_path.iterdir()] == ["config.yaml"]


KEYS = st.text(alphabet="abcdefgxyz_", min_size=1, max_size=4)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False)
    | st.text(max_size=12).filter(lambda text: not any("\ud800" <= character <= "\udfff" for character in text))
    | st.sampled_from(
        ["null", "true", "1", "1e3", "- a", "a: b", "# no", "'", '"', "\n", "~", "", " x ", "*a", "é\u2028"]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ROOTS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=5)


@settings(deadline=None)
@given(ROOTS)
def test_any_values_survive_writing_and_reading(data: dict[str, Any]) -> None:
    document = ConfigDocument.from_text("\n".join(block_lines(data, 0)) + "\n")
    assert document.data() == data


@settings(deadline=None)
@given(ROOTS, ROOTS)
def test_any_values_can_become_any_others(old: dict[str, Any], new: dict[str, Any]) -> None:
    text = "\n".join(["# top", *block_lines(old, 0), "# bottom"]) + "\n"
    document = ConfigDocument.from_text(text)
    document.update(new)
    assert document.data() == new
    assert document.dump().startswith("# top\n")
    assert "# bottom" in document.dump()


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_edits_keep_comments_on_lines_they_do_not_touch(data: st.DataObject) -> None:
    """Every line of a real file gets a comment of its own; an edit may only lose those on the lines it replaces."""
    source = CURRENT.read_text().splitlines()
    text = "\n".join(f"{line}  # mark{number}" if line.strip() else line for number, line in enumerate(source)) + "\n"
    document = ConfigDocument.from_text(text)
    flat = _paths(document.data())
    path = data.draw(st.sampled_from(flat))
    value = data.draw(SCALARS)
    assume(not isinstance(value, str) or value.isprintable())
    try:
        document.set(path, value)
    except ConfigError:
        pytest.fail(f"cannot set {path}")
    assert document.get(path) == value
    lost = [
        number for number in range(len(source)) if source[number].strip() and f"# mark{number}\n" not in document.dump()
    ]
    assert lost == []


def _paths(value: Any, path: str = "") -> list[str]:
    if isinstance(value, dict) and value:
        return [found for key, item in value.items() for found in _paths(item, f"{path}.{key}" if path else key)]
    if isinstance(value, list) and value:
        return [found for place, item in enumerate(value) for found in _paths(item, f"{path}[{place}]")]
    return [path]
