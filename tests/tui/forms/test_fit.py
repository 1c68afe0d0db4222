from __future__ import annotations

import presets
from tests.tui.forms.support import small
from tui.forms.fit import memory_fit

GB = 2**30


def test_a_preset_is_compared_with_a_card() -> None:
    data = presets.load("t2v_lora", vram=32)
    large, small_card = memory_fit(data, 80 * GB), memory_fit(data, 2 * GB)
    assert large is not None
    assert large.fits
    assert large.short().endswith("of 80 GB")
    assert small_card is not None
    assert not small_card.fits
    text = "\n".join(small_card.lines())
    assert "does not fit a card of 2 GB" in text
    assert "training step" in text
    assert "->" in text, "it says what to change"


def test_without_a_card_there_is_still_a_figure() -> None:
    fit = memory_fit(small(), None)
    assert fit is not None
    assert fit.fits
    assert fit.short().endswith(" GB")
    assert "--vram" in "\n".join(fit.lines())


def test_what_is_not_valid_has_no_weight() -> None:
    data = small()
    data["lora"]["rank"] = "many"
    assert memory_fit(data, None) is None
