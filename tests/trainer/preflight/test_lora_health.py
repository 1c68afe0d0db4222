from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner

from schemas.errors import CheckpointError
from trainer.preflight.lora_health import examine_lora, findings
from tui.commands.lora_check import command

Arrays = dict[str, npt.NDArray[np.float32]]
RNG = np.random.default_rng(0)


def _write(path: Path, arrays: Arrays, dtype: str = "F32", metadata: dict[str, str] | None = None) -> Path:
    """A safetensors file by hand, in fp32, fp16 or bf16."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, array in arrays.items():
        if dtype == "BF16":
            raw = (array.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
        else:
            raw = array.astype({"F32": "<f4", "F16": "<f2"}[dtype]).tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def _pair(module: str, *, rank: int = 4, prefix: str = "diffusion_model.") -> Arrays:
    a = RNG.normal(size=(rank, 12)).astype(np.float32)
    b = RNG.normal(size=(8, rank)).astype(np.float32)
    return {f"{prefix}{module}.lora_A.weight": a, f"{prefix}{module}.lora_B.weight": b}


VIDEO = "transformer_blocks.0.attn1.to_k"
AUDIO = "transformer_blocks.0.audio_attn1.to_k"


@pytest.mark.parametrize(("dtype", "tolerance"), [("F32", 1e-6), ("F16", 2e-3), ("BF16", 2e-2)])
def test_the_change_is_that_of_the_product(tmp_path: Path, dtype: str, tolerance: float) -> None:
    pair = _pair(VIDEO)
    a, b = pair.values()
    health = examine_lora(_write(tmp_path / "x.safetensors", pair, dtype))
    expected = float(np.sqrt(np.mean((b @ a) ** 2)))
    assert health.delta_rms == pytest.approx(expected, rel=tolerance)
    assert health.ok
    assert (health.modules[0].name, health.modules[0].rank, health.modules[0].parameters) == (VIDEO, 4, 4 * 20)


def test_alpha_counts_where_a_file_has_one(tmp_path: Path) -> None:
    a, b = _pair(VIDEO).values()
    start = f"transformer.{VIDEO}"
    alpha = np.array([2], np.float32)
    arrays: Arrays = {f"{start}.lora_down.weight": a, f"{start}.lora_up.weight": b, f"{start}.alpha": alpha}
    health = examine_lora(_write(tmp_path / "x.safetensors", arrays))
    assert health.delta_rms == pytest.approx(float(np.sqrt(np.mean((b @ a) ** 2))) / 2, rel=1e-6)
    assert "diffusers" in health.format


def test_nan_dead_and_idle_modules_are_told_apart(tmp_path: Path) -> None:
    broken, dead, fine, idle = (f"transformer_blocks.{index}.attn1.to_k" for index in range(4))
    arrays = {**_pair(broken), **_pair(dead), **_pair(fine), **_pair(idle), **_pair(AUDIO)}
    arrays[f"diffusion_model.{broken}.lora_A.weight"][0, 0] = np.nan
    arrays[f"diffusion_model.{dead}.lora_B.weight"][:] = 0
    health = examine_lora(_write(tmp_path / "x.safetensors", arrays))
    assert [module.name for module in health.broken] == [broken]
    assert [module.name for module in health.dead] == [dead]
    assert not health.ok
    assert any("NaN" in text for text in findings(health))
    assert any("1 of 5 modules change nothing" in text for text in findings(health))


def test_a_fresh_lora_is_called_one_that_does_nothing(tmp_path: Path) -> None:
    pair = _pair(VIDEO)
    pair[f"diffusion_model.{VIDEO}.lora_B.weight"][:] = 0
    file = _write(tmp_path / "x.safetensors", pair)
    assert "this LoRA does nothing" in "".join(findings(examine_lora(file)))
    done = CliRunner().invoke(command, [str(file)])
    assert done.exit_code == 5
    assert "not usable" in done.output


def test_shares_show_a_modality_that_did_not_learn(tmp_path: Path) -> None:
    arrays = {**_pair(VIDEO), **_pair(AUDIO)}
    arrays[f"diffusion_model.{AUDIO}.lora_B.weight"] *= 1e-5
    health = examine_lora(_write(tmp_path / "x.safetensors", arrays))
    assert health.shares()["video"] == pytest.approx(1.0)
    assert any("audio modules (1)" in text for text in findings(health))


def test_json_has_the_promised_fields(tmp_path: Path) -> None:
    file = _write(tmp_path / "x.safetensors", _pair(VIDEO), metadata={"step": "12"})
    answer = json.loads(CliRunner().invoke(command, [str(file), "--json"]).output)
    assert answer["ok"] is True
    assert (answer["modules"], answer["dead"], answer["nan"]) == (1, [], [])
    assert answer["delta_rms"] > 0
    assert answer["metadata"] == {"step": "12"}


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"model.weight": np.zeros((2, 2), np.float32)}, "is no LoRA file"),
        ({f"diffusion_model.{VIDEO}.lora_A.weight": np.zeros((2, 2), np.float32)}, "has no lora_B"),
        ({**_pair(VIDEO), **_pair(AUDIO, prefix="transformer.")}, "mixes names"),
        (
            {
                f"{VIDEO}.lora_A.weight": np.zeros((2, 3), np.float32),
                f"{VIDEO}.lora_B.weight": np.zeros((3, 4), np.float32),
            },
            "do not fit",
        ),
    ],
)
def test_what_is_no_lora_is_refused(tmp_path: Path, arrays: Arrays, words: str) -> None:
    with pytest.raises(CheckpointError, match=words):
        examine_lora(_write(tmp_path / "x.safetensors", arrays))
