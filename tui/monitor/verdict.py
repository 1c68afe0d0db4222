"""Is it going well? One line in words from the data of a run, with the reason and the usual remedy.

The thresholds are those of ``docs/verdicts.md``, held there by a test. Nothing here is certain: training losses of
flow matching are mostly noise, so that a movement counts only when it is several standard errors away from none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tui.charts.ticks import short
from tui.monitor.brief import ENDED, brief
from tui.monitor.model import RunView
from tui.monitor.thresholds import (
    CERTAIN,
    DIVERGED,
    EARLY_STEPS,
    GRADIENT_JUMP,
    HOST_EDGE,
    LEAST_WINDOW,
    MEMORY_EDGE,
    OVERFIT,
    RECENT,
    SETBACK,
    SETTLING,
    SHARE,
    SMALL,
    SURE,
    UNTRAINED,
    WAITING,
)
from tui.monitor.trend import Stretch, bad_between, lowest_stretch, mean_between, stretch, trend
from tui.monitor.wording import GIB


@dataclass(frozen=True, slots=True)
class Verdict:
    """One finding."""

    kind: str
    """falling, flat, rising, diverging, setback, non-finite, memory, waiting-for-data, audio-flat, lora-zero,
    overfitting, too-early, stalled, crashed, failed, paused, waiting."""
    words: str
    """The finding on one line."""
    reason: str
    """The numbers it rests on."""
    remedy: str
    """What usually helps; empty when nothing has to be done."""
    style: str = "text"
    """good, warn, bad or text."""


def verdict(view: RunView, state: str = "running", *, warmup: int = 0) -> Verdict:
    """The finding that matters most. ``state`` is one of trainer.rundir.runs.STATES or ``waiting``."""
    return findings(view, state, warmup=warmup)[0]


def findings(view: RunView, state: str = "running", *, warmup: int = 0, trouble: str = "") -> tuple[Verdict, ...]:
    """All findings, the one that matters most first; never empty. ``trouble``: why it failed, if no event says so."""
    found = [one for rule in _ALARMS if (one := rule(view)) is not None]
    ended = _of_state(view, state, trouble)
    if ended is not None:
        found.insert(0, ended)
    found.append(_loss(view, warmup, ended=state in ENDED))
    return tuple(found)


def _of_state(view: RunView, state: str, trouble: str) -> Verdict | None:
    at = f"at step {view.reached}" if view.reached else "before the first step"
    match state:
        case "crashed":
            remedy = "Look at the end of the log; `train` continues from the last save."
            return Verdict("crashed", f"the trainer is gone without a word, {at}", "its process ended", remedy, "bad")
        case "failed":
            message = " ".join((view.exit_message or trouble).split()) or "see the end of the log"
            return Verdict("failed", f"failed {at}", message, "The message says what to change.", "bad")
        case "stalled":
            reason = "the process is alive, but no step has come for far longer than a step takes"
            remedy = (
                "Look at the log; a hanging network disk or GPU is the usual cause. `train` continues from the save."
            )
            return Verdict("stalled", f"no progress {at}", reason, remedy, "warn")
        case "paused":
            return Verdict("paused", f"paused {at}", "someone asked for it", "Resume it with p or `send`.", "warn")
        case "waiting":
            return Verdict("waiting", "nothing heard of the trainer yet", "there is no status file", "", "text")
    return None


def _non_finite(view: RunView) -> Verdict | None:
    last = view.reached
    for name in ("loss", "grad_norm"):
        series = view.series.get(name)
        bad = bad_between(series, last - RECENT + 1, last) if series is not None else 0
        if bad:
            return Verdict(
                "non-finite",
                f"{name.replace('_', ' ')} is not a number in the last {RECENT} steps",
                f"{bad} values that are NaN or infinite; such steps are left out, three in a row end the run",
                "Lower the learning rate, use bf16 instead of fp16, or `inspect` the clips that the warning names.",
                "bad",
            )
    return None


_BACK: Final = "Lower the learning rate, and go on from a save before the rise."


def _now_and_best(view: RunView) -> tuple[Stretch | None, Stretch | None]:
    """The newest stretch of the loss, and the lowest one of the same length."""
    loss, last = view.series["loss"], view.reached
    window = max(20, min(RECENT, last // 4), 8 * loss.width)
    return stretch(loss, last - window + 1, last), lowest_stretch(loss, window)


def _setback(view: RunView) -> Verdict | None:
    if "loss" not in view.series or view.reached < EARLY_STEPS:
        return None
    now, best = _now_and_best(view)
    if now is None or best is None or best.mean <= 0 or now.mean < SETBACK * best.mean:
        return None
    errors = (now.mean - best.mean) / (math.hypot(now.error, best.error) or 1e-12)
    if errors < SURE:
        return None
    reason = (
        f"newest mean {short(now.mean)}, best {short(best.mean)} around step {best.first}, {errors:.0f} standard errors"
    )
    words = f"worse than it was: the loss is {100 * (now.mean / best.mean - 1):.0f} % above its best"
    return Verdict("setback", words, reason, _BACK, "warn")


def _diverging(view: RunView) -> Verdict | None:
    loss, last = view.series.get("loss"), view.reached
    if loss is None or last < EARLY_STEPS:
        return None
    now, best = _now_and_best(view)
    if now is not None and best is not None and best.mean > 0 and now.mean > DIVERGED * best.mean:
        reason = f"newest mean {short(now.mean)}, best {short(best.mean)} around step {best.first}"
        words = f"diverging: the loss is {now.mean / best.mean:.1f} times its best"
        return Verdict("diverging", words, reason, _BACK, "bad")
    grad = view.series.get("grad_norm")
    if grad is None:
        return None
    norm, usual = mean_between(grad, last - 9, last), mean_between(grad, 10, last - RECENT)
    if norm is not None and usual and norm > GRADIENT_JUMP * usual:
        reason = f"gradient norm {short(norm)} over the last 10 steps, {short(usual)} before"
        remedy = "Lower the learning rate or optimization.max_grad_norm; look for damaged clips with `inspect`."
        return Verdict("diverging", "diverging: gradients have exploded", reason, remedy, "bad")
    return None


def _lora_zero(view: RunView) -> Verdict | None:
    delta, rates = view.series.get("lora_delta_rms"), view.series.get("lr")
    if delta is None or delta.last is None or not delta.last < UNTRAINED or view.reached < 10:
        return None
    rate = rates.last if rates is not None else None
    return Verdict(
        "lora-zero",
        "the LoRA has changed nothing yet",
        f"root mean square of its change {short(delta.last)} after {view.reached} steps"
        + (f", learning rate {short(rate)}" if rate is not None else ""),
        "Look at the learning rate, its schedule and warm-up, and at lora.target_modules.",
        "bad",
    )


def _memory(view: RunView) -> Verdict | None:
    total, used = view.latest.get("memory_total", 0.0), view.latest.get("memory_reserved", 0.0)
    if total > 0 and used >= MEMORY_EDGE * total:
        return Verdict(
            "memory",
            f"GPU memory near the edge: {used / GIB:.1f} of {total / GIB:.1f} GB",
            f"{100 * used / total:.0f} % of the card is reserved; a longer clip or a validation may not fit",
            "`estimate` says what to change: swap blocks, 8-bit optimizer, quantized weights, fewer frames.",
            "warn",
        )
    free, own = view.latest.get("host_available"), view.latest.get("host_rss", 0.0)
    if free is not None and free < HOST_EDGE * (own + free):
        return Verdict(
            "memory",
            f"host memory near the edge: {free / GIB:.1f} GB left",
            f"the trainer takes {own / GIB:.1f} GB; when nothing is left the system kills it",
            "End other programs, use fewer data workers, or swap fewer blocks to the host.",
            "warn",
        )
    return None


def _waiting(view: RunView) -> Verdict | None:
    all_of_it, data, last = view.series.get("step_seconds"), view.series.get("data_seconds"), view.reached
    if all_of_it is None or data is None or last < 10:
        return None
    whole, waited = mean_between(all_of_it, last - RECENT + 1, last), mean_between(data, last - RECENT + 1, last)
    if not whole or waited is None or waited < WAITING * whole:
        return None
    return Verdict(
        "waiting-for-data",
        f"waiting for data {100 * waited / whole:.0f} % of the time",
        f"{short(waited)} of {short(whole)} s per step over the last {min(RECENT, last)} steps",
        "More data.num_dataloader_workers, or the prepared data on a faster, local disk.",
        "warn",
    )


def _audio_flat(view: RunView) -> Verdict | None:
    audio, video, last = view.series.get("loss/audio"), view.series.get("loss/video"), view.reached
    if audio is None or video is None or last < 2 * EARLY_STEPS:
        return None
    heard, seen = trend(audio, 0, last), trend(video, 0, last)
    if heard is None or seen is None or seen.change > -SMALL or seen.certainty > -CERTAIN:
        return None
    if heard.certainty < -CERTAIN and heard.change < -SMALL:
        return None
    return Verdict(
        "audio-flat",
        "the audio loss does not move, while video learns",
        f"since the start video {_percent(seen.change)}, audio {_percent(heard.change)}",
        "Check with `inspect` that the clips have sound and captions name it; let LoRA target the audio modules too.",
        "warn",
    )


def _overfitting(view: RunView) -> Verdict | None:
    held_out, loss, last = view.series.get("validation_loss"), view.series.get("loss"), view.reached
    if held_out is None or loss is None:
        return None
    bins = held_out.bins
    values = [total / count for total, count in zip(bins.total, bins.count, strict=True) if count]
    if len(values) < 4:
        return None
    now, best = sum(values[-2:]) / 2, min(values[:-2])
    falling = trend(loss, last // 2, last)
    if best <= 0 or now < (1 + OVERFIT) * best or falling is None or falling.change > 0:
        return None
    return Verdict(
        "overfitting",
        "overfitting: the loss on held-out clips rises again",
        f"validation loss {short(now)}, lowest {short(best)}, while the training loss {_percent(falling.change)}",
        "Use the checkpoint near the lowest validation loss; more clips, a smaller rank or a lower rate next time.",
        "warn",
    )


_ALARMS: Final[tuple[Callable[[RunView], Verdict | None], ...]] = (
    _non_finite,
    _diverging,
    _lora_zero,
    _memory,
    _waiting,
    _audio_flat,
    _overfitting,
    _setback,
)


def _loss(view: RunView, warmup: int, *, ended: bool) -> Verdict:
    """What the loss does, when nothing worse is to be said."""
    loss, last = view.series.get("loss"), view.reached
    least = max(EARLY_STEPS, warmup)
    if ended and (loss is None or last < least):
        return Verdict("too-early", *brief(loss, last), "")
    if loss is None or last < least:
        reason = f"{last} steps done" + (f", {warmup} of them warm up" if warmup else "")
        return Verdict("too-early", f"too early to say: judged from step {least} on", reason, "")
    window = min(max(LEAST_WINDOW, round(last * SHARE)), last - SETTLING)
    newest = trend(loss, last - window + 1, last)
    if newest is None:
        return Verdict("too-early", "too early to say: hardly any finite loss", "", "")
    reason = (
        f"mean {short(newest.level)}, {_percent(newest.change)} over {window} steps, "
        f"{abs(newest.certainty):.1f} standard errors from no change"
    )
    if newest.certainty < -CERTAIN and newest.change < -SMALL:
        return Verdict(
            "falling", f"learning: the loss {_percent(newest.change)} over {window} steps", reason, "", "good"
        )
    if newest.certainty > CERTAIN and newest.change > SMALL:
        remedy = "Watch it: if it goes on, lower the learning rate."
        return Verdict("rising", f"the loss {_percent(newest.change)} over {window} steps", reason, remedy, "warn")
    return _flat(view, window, reason)


def _flat(view: RunView, window: int, reason: str) -> Verdict:
    """No movement now; whether there was some before decides what that means."""
    loss, last = view.series["loss"], view.reached
    whole = trend(loss, 0, last)
    if whole is not None and whole.certainty < -CERTAIN and whole.change < -SMALL:
        remedy = "Usual late in a run: the loss hardly shows what is still learnt. Judge by the samples."
        words = f"flat over {window} steps, after it {_percent(whole.change)}"
        return Verdict("flat", words, reason, remedy, "text")
    remedy = (
        "If the samples do not change either: a higher learning rate or rank, or captions that fit the clips better."
    )
    if (now := mean_between(loss, last - window + 1, last)) is not None:
        return Verdict("flat", f"flat at {short(now)} since the start", reason, remedy, "warn")
    return Verdict("flat", "flat since the start", reason, remedy, "warn")


def _percent(change: float) -> str:
    share = abs(100 * change)
    return f"{'fell' if change < 0 else 'rose'} {share:{'.0f' if share >= 10 else '.2g'}} %"
