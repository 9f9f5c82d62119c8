"""From facts to what to set, with the reasons and with what not to use."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from keras_gradclip.advice.facts import Facts
from keras_gradclip.advice.number_words import percent
from keras_gradclip.advice.replay import short
from keras_gradclip.advice.verdicts import Verdict, rounded
from keras_gradclip.clippers import Clipper, rules

DRIFTS = 4.0
"""So many times the smallest stretch's median the largest is, and norms drift."""

HEAVY = 3.0
"""So many times the median one norm in twenty is, and the tail is heavy."""

RARE = 0.02
"""Up to this share of steps, spikes are exceptions and not the rule."""

ADAM_LIKE = ("adam", "adamw", "nadam", "adamax", "lamb", "lion", "rmsprop")


class Recommended(NamedTuple):
    """What to set."""

    global_clipnorm: float | None
    rule: Clipper | None
    reasons: tuple[str, ...]
    avoid: tuple[str, ...]


STEADY = 0.2
"""By less than that the share of clipped steps may differ, early and late."""


def recommend(facts: Facts, replayed: Sequence[Verdict], optimizer: str) -> Recommended:
    """Returns what to set for norms like these.

    Args:
        facts: What the norms were like.
        replayed: What each rule would have done with them.
        optimizer: The name of the optimizer's class, or "".
    """
    bound = rounded(facts.percentiles[95])
    avoid = (*_avoid_for_optimizer(optimizer), *_avoid_for_norms(facts))
    if optimizer.lower() == "muon":
        reason = (
            "Muon makes steps of one size whatever the gradient's norm: neither a "
            "bound nor a rule on the global norm is recommended. A clipper still "
            "drops steps that hold a NaN or an inf."
        )
        return Recommended(None, None, (reason,), avoid)
    rule, reason = _rule_for(facts, replayed)
    reasons = [
        f"global_clipnorm={bound:g}: 95 % of the norms were below it, so that it "
        "cuts off the largest and leaves the rest alone."
        + (
            f" The norms drifted {facts.drift:.3g}-fold, so that it means something "
            "else early and late: prefer the rule."
            if facts.drift >= DRIFTS
            else ""
        ),
        reason,
    ]
    if facts.broken:
        reasons.append(
            f"{facts.broken:,} steps held a NaN or an inf. Every rule here drops "
            "such steps; a bound of Keras's own does not."
        )
    return Recommended(bound, rule, tuple(reasons), avoid)


def _rule_for(facts: Facts, replayed: Sequence[Verdict]) -> tuple[Clipper, str]:
    spiked = {spike.step for spike in facts.spikes}
    share = len(spiked) / max(facts.steps, 1)
    scope, where = "global", ""
    if facts.loudest is not None and facts.loudest_share >= 0.8 and spiked:
        scope = "layer"
        where = (
            f" {percent(facts.loudest_share)} of the spikes were in "
            f"'{facts.loudest}': at scope \"layer\" the others are left alone."
        )
    common: dict[str, Any] = {} if scope == "global" else {"scope": scope}
    if facts.drift >= DRIFTS:
        rule, how = _steadiest(replayed, common)
        way = "rose" if facts.rises else "fell"
        return rule, (
            f"The norms {way}: the median of one tenth of the run was "
            f"{facts.drift:.3g} times that of another, so that the threshold must "
            f"follow. {how}{where}"
        )
    if facts.tail >= HEAVY or share > RARE:
        return rules.AutoClip(10.0, **common), (
            f"The tail was heavy all along: one norm in twenty was {facts.tail:.3g} "
            "times the median of its stretch or more. A low percentile brings most "
            f"steps to one size, which is what the paper found to help.{where}"
        )
    if spiked:
        return rules.ZClip(**common), (
            f"Spikes were rare, in {len(spiked):,} of {facts.steps:,} steps, and the "
            "norms between them held still: a rule that cuts off what stands out "
            f"leaves the rest alone.{where}"
        )
    return rules.ZClip(), (
        f"The norms were calm: one in twenty was {facts.tail:.3g} times its "
        "stretch's median or more, and none was a spike. Clipping would change "
        "little; ZClip is a guard that costs next to nothing."
    )


def _steadiest(
    replayed: Sequence[Verdict], common: dict[str, Any]
) -> tuple[Clipper, str]:
    """Returns the first of the rules with a short memory that followed."""
    short_memories = (
        rules.AutoClip(90.0, window=1024),
        rules.QuantileClip(quantile=0.9),
        rules.EMAClip(),
    )
    for wanted in short_memories:
        for row in replayed:
            same = row.rule == short(wanted)
            if same and not row.lost and abs(row.first - row.last) < STEADY:
                config = {**wanted.get_config(), **common}
                return type(wanted)(**config), (
                    f"{row.rule} did: it would have clipped {percent(row.first)} of "
                    f"the first tenth and {percent(row.last)} of the last."
                )
    return rules.AutoClip(90.0, window=128, **common), (
        "None of those that were replayed did so throughout; a shorter window "
        "follows faster."
    )


def _avoid_for_optimizer(optimizer: str) -> tuple[str, ...]:
    name = optimizer.lower()
    agc = (
        "AGC(0.01){}: its factor is for SGD, and with Adam it can ruin training (ViT-B "
        "with AdamW: 38.5 % against 79.3 %, arXiv 2502.17055v4). Try 0.1 to 0.3."
    )
    muon = (
        "A clip of the global norm{}: its step has one size whatever the norm, and "
        "a tiny bound pushes gradients under the epsilon of its iteration, a "
        "silent stall."
    )
    if not name:
        return (agc.format(" with Adam or its kin"), muon.format(" with Muon"))
    if name == "muon":
        return (muon.format(" with Muon"),)
    return (agc.format(f" with {optimizer}"),) if name in ADAM_LIKE else ()


def _avoid_for_norms(facts: Facts) -> list[str]:
    avoid = []
    if facts.drift >= DRIFTS:
        avoid.append(
            "AutoClip without a window: the percentile of all norms so far is ruled "
            f"by the early ones, and these drifted {facts.drift:.3g}-fold."
        )
        if facts.rises:
            avoid.append(
                "AdaGC: its average begins at the smallest norm and grows by 0.04 % a "
                "step at most; these norms rose."
            )
    if facts.median > 1:
        clipped = "most" if facts.percentiles[5] > 1 else "many"
        avoid.append(
            f"A bound of 1 because others use it: the median norm was "
            f"{facts.median:.3g}, so that {clipped} steps would be scaled down."
        )
    if facts.percentiles[99] < 1:
        avoid.append(
            "A bound of 1 or more: 99 % of the norms were below "
            f"{facts.percentiles[99]:.3g}, so that it would hardly ever act."
        )
    if facts.median < 1e-5:
        avoid.append("ZClip: the 1e-6 in its score hides the spikes of norms so small.")
    return avoid
