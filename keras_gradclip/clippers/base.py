"""All that a rule is written with, in one import.

A rule says `from keras_gradclip.clippers import base`, and then what it is:
`class AutoClip(base.HistoryClipper)`.
"""

from keras_gradclip._math.groups import Groups, Scope
from keras_gradclip.clippers.arguments import Count, Hyperparameter, Range, UnitAxes
from keras_gradclip.clippers.clipper import Clipper
from keras_gradclip.clippers.grouped_clipper import GroupedClipper
from keras_gradclip.clippers.history_clipper import HistoryClipper, HistoryScope
from keras_gradclip.clippers.measured import (
    Decision,
    Kept,
    Measured,
    Record,
    State,
    Tensor,
)
from keras_gradclip.clippers.norm_clipper import NormClipper
from keras_gradclip.clippers.numbers_in_force import NO_BOUND

__all__ = [
    "NO_BOUND",
    "Clipper",
    "Count",
    "Decision",
    "GroupedClipper",
    "Groups",
    "HistoryClipper",
    "HistoryScope",
    "Hyperparameter",
    "Kept",
    "Measured",
    "NormClipper",
    "Range",
    "Record",
    "Scope",
    "State",
    "Tensor",
    "UnitAxes",
]
