"""Reports: exit codes and the JSON that programs read."""

from __future__ import annotations

from trainer.preflight.problem import CheckReport, Problem, error, warning


def test_exit_codes_of_a_report() -> None:
    assert CheckReport(()).exit_code == 0
    assert CheckReport((warning("x", "", "y"),)).exit_code == 0
    assert CheckReport((warning("x", "", "y"),)).ok
    found = (error("a", "", "", exit_code=4), error("b", "", "", exit_code=3))
    assert CheckReport(found).exit_code == 3


def test_json_has_exactly_the_promised_keys() -> None:
    data = CheckReport((Problem("c", "error", "a.b", "m", "h", 3),)).as_json()
    assert data == {
        "ok": False,
        "problems": [{"code": "c", "severity": "error", "path": "a.b", "message": "m", "hint": "h"}],
    }
