"""Measuring and remembering without changing anything."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from keras_gradclip._backend import ops
from keras_gradclip.clippers.measured import Record


def unless_observing(clip: Callable[..., Any]) -> Callable[..., Any]:
    """Lets `clip` of any rule hand on what it got where the rule only observes.

    The rule decides and learns as ever, so that thresholds and history are those
    that clipping would have had for these gradients.
    """

    @wraps(clip)
    def clip_or_observe(
        self: Any, gradients: Any, *args: Any, **kwargs: Any
    ) -> tuple[list[Any], Any, Record]:
        clipped, state, record = clip(self, gradients, *args, **kwargs)
        if not getattr(self, "observe_only", False):
            return clipped, state, record
        scales = ops.ones_like(record.scales)
        untouched = record._replace(scales=scales, whole_after=record.whole)
        return list(gradients), state, untouched

    return clip_or_observe
