"""What each backend's module has: the contract of the three, in one place."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

Tensor = Any


class SparseRows(NamedTuple):
    """A sparse gradient taken apart."""

    values: Tensor
    """Shape `(n, ...)`: one row of the gradient each."""

    indices: Tensor
    """Shape `(n,)`: the variable's row that each belongs to."""

    rebuild: Callable[[Tensor], Any]
    """Makes a gradient of the original kind from new values."""


class Clipped(NamedTuple):
    """Tensors whose elements were moved into a range, seen as one."""

    values: list[Tensor]
    before: Tensor
    """The sum of squares of all before, a float32 scalar."""

    after: Tensor
    exceeds: Tensor
    """Whether any element was outside, a bool scalar."""


class Backend(Protocol):
    """The functions of `tensorflow.py`, `jax.py` and `torch.py`.

    All tensors are dense where nothing else is said.
    """

    COUNT_DTYPE: str
    """Of thousands of counts per group."""

    POSITION_DTYPE: str
    """Of one count per group."""

    NUMBER_DTYPE: str
    """Of a rule's numbers in a variable: "float64" where devices have it."""

    TrainStepWithLogs: type
    """A class to put before `keras.Model`, whose `train_step` adds what
    `self.step_logs()` returns to the logs."""

    ops: Any
    """`keras.ops`, or what goes by its names and is faster."""

    # Gradients.

    def as_rows(self, gradient: Any) -> SparseRows | None:
        """Takes a sparse gradient apart; returns `None` for a dense one."""

    def to_dense(self, gradient: Any) -> Tensor:
        """Returns a gradient as a dense tensor, duplicate rows summed."""

    def sums_of_squares(self, tensors: Sequence[Any]) -> Tensor:
        """Returns the sum of squares of each, shape `(n,)`, float32.

        `None` counts as zero.
        """

    def were_bounded(
        self, tensors: Sequence[Any], bound: Any, before: Tensor, after: Tensor
    ) -> Tensor:
        """Whether each has an element beyond the bound, shape `(n,)`.

        `None` has none.

        Args:
            tensors: `n` tensors before `clip_elements`.
            bound: As there.
            before: The sums of their squares.
            after: The same after it. Under XLA two sums that should be equal
                may differ in the last bit.
        """

    def norm_together(self, tensors: Sequence[Tensor]) -> Tensor:
        """Returns the norm of all tensors as one, a scalar in float32.

        0 if there is none.
        """

    def unit_norms(self, tensors: Sequence[Any], axes: Sequence[Any]) -> Tensor:
        """Returns the norms of all units of all tensors, shape `(units,)`.

        Float32, tensor after tensor, in each in the order of the axes that
        are left when `axes` are summed over.
        """

    def scale_by_group(
        self, tensors: Sequence[Tensor], scales: Tensor, groups: Sequence[int]
    ) -> list[Tensor]:
        """Returns each tensor times its group's scale, in the tensor's dtype.

        A scale of exactly 0 gives 0 even where a tensor is NaN or inf: that
        is how a broken step is dropped, and 0 * NaN would not do it.

        Args:
            tensors: `n` tensors.
            scales: Shape `(groups,)`, float32.
            groups: For each tensor the index of its scale.
        """

    def scale_each(
        self, tensors: Sequence[Tensor], scales: Sequence[Tensor], finite: Tensor
    ) -> list[Tensor]:
        """As `scale_by_group`, each tensor with a scale that broadcasts to it.

        `finite` tells whether all tensors are, a bool scalar.
        """

    def clip_elements(self, tensors: Sequence[Tensor], bound: Any) -> list[Tensor]:
        """Returns each tensor with its elements moved into `[-bound, bound]`."""

    def clip_together(self, tensors: Sequence[Tensor], bound: Any) -> Clipped:
        """As `clip_elements`, with what is recorded of all tensors as one group.

        At least one tensor. Small ones are laid side by side: to measure a few
        rows of numbers takes less than to measure as many tensors.
        """

    # Histories.

    def split(self, values: Tensor, sizes: Sequence[Any]) -> Sequence[Tensor]:
        """Cuts a row of numbers into pieces of these sizes."""

    def keep(self, observed: Tensor, new: Tensor, old: Tensor) -> Tensor:
        """Chooses rows: of `new` where `observed`, of `old` elsewhere."""

    def shift(self, values: Tensor, by: int, fill: float) -> Tensor:
        """Moves the columns of `values` by one, right (1) or left (-1)."""

    def count_at_most(self, ascending: Tensor, values: Tensor) -> Tensor:
        """Counts the entries of each row of `ascending` that are <= `values`.

        Args:
            ascending: Shape `(groups, n)`.
            values: Shape `(groups, m)`.

        Returns:
            Shape `(groups, m)`.
        """

    def has_float64(self, tensor: Tensor) -> bool:
        """Whether the tensor's device computes in float64."""

    def constant(self, array: np.ndarray, like: Tensor) -> Tensor:
        """Returns an array as a tensor beside `like`; made once where it can."""

    # Numbers of rules.

    def numbers(
        self, row: Any, made: np.ndarray, exact: Sequence[int]
    ) -> Sequence[Any]:
        """Returns the numbers that are in force, scalars in float32.

        Nothing is returned where it is known that none was changed.

        Args:
            row: The numbers that were changed, zeros for those that were not.
                With a `NUMBER_DTYPE` of "float32" each takes three entries,
                whose sum it is.
            made: The numbers that the rule was made with, in the same form.
            exact: Those to be returned with all their digits: as a float, as
                a float64 scalar, or as three float32 scalars to be added.
        """

    # Variables.

    def read(self, variable: Any) -> Tensor:
        """Returns a variable's value as of now, whatever is assigned later."""

    def copy(self, variable: Any) -> Tensor:
        """As `read`, in memory that no assignment writes to."""

    def assign(self, variable: Any, value: Tensor) -> None:
        """Gives a variable of ours its next value."""

    def write_row(self, variable: Any, row: Tensor, values: Tensor) -> None:
        """Replaces one row of a variable, in place where the backend can."""

    def restore_unless(
        self, kept: Tensor, variables: Sequence[Any], before: Sequence[Tensor]
    ) -> None:
        """Assigns `before` to the variables unless `kept`, a bool scalar.

        On several replicas, each gets its own.
        """

    # Many steps at once.

    def run_through(
        self, function: Callable[..., Any], state: Any, rows: Sequence[Any]
    ) -> tuple[Tensor, ...]:
        """Calls a pure function for row after row, compiled where it can.

        Args:
            function: From a state and the entries of a row to the next state and
                a tuple of tensors.
            state: The first state, a dict of arrays.
            rows: Arrays of one length.

        Returns:
            What was returned for all rows, each stacked.
        """

    # Devices.

    def replicas_to_sum(self) -> int:
        """How many replicas Keras's optimizer sums gradients over by itself."""

    def is_first_process(self) -> bool:
        """Whether this is the one of several processes that writes files."""
