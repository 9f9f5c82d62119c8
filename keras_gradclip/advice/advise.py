"""Advice on what to set, from norms that were seen."""

from dataclasses import dataclass
from typing import Any

from keras_gradclip.advice.facts import Facts, facts_of
from keras_gradclip.advice.number_words import ordinal
from keras_gradclip.advice.recommend import recommend
from keras_gradclip.advice.text import text_of
from keras_gradclip.advice.verdicts import Verdict, verdicts
from keras_gradclip.callbacks.trace import Trace
from keras_gradclip.clippers import Clipper


@dataclass(frozen=True)
class Advice:
    """What `advise` found. Its `str` is a report to read.

    Attributes:
        global_clipnorm: A bound for the whole norm, or `None` where none is
            recommended.
        rule: A clipper, or `None`.
        reasons: Why, in words.
        avoid: What not to use, and why.
        unknown: What these norms cannot tell.
        facts: What they were like.
        verdicts: What each rule and bound would have done.
    """

    global_clipnorm: float | None
    rule: Clipper | None
    reasons: tuple[str, ...]
    avoid: tuple[str, ...]
    unknown: tuple[str, ...]
    facts: Facts
    verdicts: tuple[Verdict, ...]

    def table(self) -> list[dict[str, Any]]:
        """Returns the verdicts as rows, as `pandas.DataFrame` takes them."""
        return [
            {name: v for name, v in row._asdict().items() if name != "clipper"}
            for row in self.verdicts
        ]

    def __str__(self) -> str:
        return text_of(self)


def advise(
    trace: Trace, *, optimizer: str | None = None, max_steps: int = 3_000
) -> Advice:
    """Says what clipping would have done with norms that were seen, and what to set.

    Every rule of the package that works on norms, and a few fixed bounds, are
    replayed over the trace: what each would have clipped, and where its
    threshold would have lost the norms. The best trace for it is one of training
    without clipping, of a clipper with `observe_only=True`. It cannot say which
    rule leads to the better model: other clipping would have led to other
    norms. So try what is recommended, beside what you have.

    Args:
        trace: A `Trace`, of a monitor or of `read_trace`.
        optimizer: What it is trained with, such as `"adamw"`, for advice that
            hangs on it. Defaults to `None`: what the trace says.
        max_steps: Int >= 100. Of a longer trace rows are left out evenly before
            the rules are replayed, so that it stays quick. Defaults to 3,000.

    Returns:
        An `Advice`; print it.

    Raises:
        ValueError: If the trace holds no norms above 0, or an argument is out of
            its range.

    Example:

    ```python
    monitor = ClipMonitor()
    clipper = AutoClip(scope="layer", observe_only=True)
    model.compile(keras_gradclip.optimizers.AdamW(1e-3, clipper=clipper), "mse")
    model.fit(x, y, callbacks=[monitor])
    print(advise(monitor.trace))
    ```
    """
    if isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 100:
        raise ValueError(
            "`max_steps` must be an integer of at least 100. Received: "
            f"max_steps={max_steps!r}"
        )
    if optimizer is not None and not isinstance(optimizer, str):
        raise ValueError(
            "`optimizer` must be the name of an optimizer's class. Received: "
            f"optimizer={optimizer!r}"
        )
    facts = facts_of(trace)
    every = -(-trace.steps // max_steps)
    thinned = trace.rows(slice(None, None, every))
    name = trace.settings.get("optimizer", "") if optimizer is None else optimizer
    replayed = tuple(verdicts(thinned, facts))
    found = recommend(facts, replayed, name)
    return Advice(
        found.global_clipnorm,
        found.rule,
        found.reasons,
        found.avoid,
        _unknown(trace, every),
        facts,
        replayed,
    )


def _unknown(trace: Trace, every: int) -> tuple[str, ...]:
    unknown = [
        "Other clipping would have led to other weights, and so to other norms: "
        "this tells what a rule would have done with these, and not how well "
        "the model would have become."
    ]
    if (trace["scale"] < 1).any():
        unknown.append(
            "These norms are of a run that was clipped. Without clipping they might "
            "have been larger: observe_only=True shows them."
        )
    between = every * trace.every
    if between > 1:
        unknown.append(
            f"Every {ordinal(between)} step was replayed: rules with averages follow "
            f"{between} times as slowly here as they would in training."
        )
    if len(trace.groups) == 1:
        unknown.append(
            "The trace has the norm of one group only: nothing can be said of single "
            'layers. A clipper with scope="layer" records them.'
        )
    return tuple(unknown)
