"""Settings that are allowed and still not meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainer.preflight.world import World, codes, only


def test_learning_rate(world: World) -> None:
    assert only(world.check("optimization.learning_rate=0.01"), "learning-rate").severity == "warning"
    full = ("model.training_mode=full", "lora=null")
    assert codes(world.check(*full, "optimization.learning_rate=5e-4")) == ["learning-rate"]
    assert codes(world.check(*full, "optimization.learning_rate=1e-5")) == []


def test_warm_up(world: World) -> None:
    assert codes(world.check("optimization.warmup_steps=100")) == []
    short = ("optimization.steps=100", "checkpoints.interval=50")
    assert codes(world.check("optimization.warmup_steps=100", *short)) == ["warmup-too-long"]


@pytest.mark.parametrize(
    ("kind", "params", "code", "severity"),
    [
        ("cosine_with_restarts", "{}", None, ""),
        ("cosine_with_restarts", "{eta_min: 2e-4}", "scheduler-floor", "error"),
        ("cosine", "{eta_min: 2e-4}", "scheduler-floor", "error"),
        ("cosine", "{T_max: 500}", "scheduler-rises", "warning"),
        ("polynomial", "{total_iters: 500}", "scheduler-ends-early", "warning"),
        ("step", "{step_size: 5000}", "scheduler-never-acts", "warning"),
        ("cosine_with_restarts", "{T_0: 5000}", "scheduler-never-acts", "warning"),
        ("linear", "{total_iters: 500}", None, ""),
        ("constant", "{}", None, ""),
    ],
)
def test_schedules(world: World, kind: str, params: str, code: str | None, severity: str) -> None:
    report = world.check(f"optimization.scheduler_type={kind}", f"optimization.scheduler_params={params}")
    assert codes(report) == ([code] if code else [])
    if code:
        found = only(report, code)
        assert found.severity == severity
        assert found.path.startswith("optimization.scheduler_params.")


def test_restart_floor_above_a_low_learning_rate(world: World) -> None:
    report = world.check("optimization.scheduler_type=cosine_with_restarts", "optimization.learning_rate=1e-5")
    assert "0.0" not in only(report, "scheduler-floor").message.split("the learning rate")[0]


def test_precision(world: World) -> None:
    only(world.check("acceleration.mixed_precision_mode=fp16"), "precision-fp16")
    only(world.check("acceleration.quantization=int2-quanto"), "quantization-int2")
    assert codes(world.check("acceleration.quantization=int8-quanto")) == []


def test_saving(world: World) -> None:
    only(world.check("checkpoints.interval=null"), "saved-only-at-the-end")
    only(world.check("checkpoints.interval=5000"), "saved-only-at-the-end")
    only(world.check("checkpoints.save_training_state=off"), "cannot-resume")
    report = world.check("checkpoints.save_training_state=minimal")
    assert "resumes-without-optimizer" in codes(report, "info")


def test_wandb(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("WANDB_API_KEY", "WANDB_MODE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    only(world.check("wandb.enabled=true"), "wandb-no-key")
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password x\n", "utf-8")
    (tmp_path / ".netrc").chmod(0o600)
    assert codes(world.check("wandb.enabled=true")) == []
    (tmp_path / ".netrc").unlink()
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert codes(world.check("wandb.enabled=true")) == []
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_API_KEY", "x")
    assert codes(world.check("wandb.enabled=true")) == []


def test_hub(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    push = ("hub.push_to_hub=true", "hub.hub_model_id=me/lora")
    only(world.check(*push), "hub-no-token")
    (tmp_path / "token").write_text("x", "utf-8")
    assert codes(world.check(*push)) == []
