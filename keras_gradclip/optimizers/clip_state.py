"""A clipper's memory, as variables of the optimizer that uses it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from warnings import warn

import numpy as np

from keras_gradclip._backend import backend, ops
from keras_gradclip._keras import KerasSaveable, scope_of
from keras_gradclip.clippers import Clipper, Record
from keras_gradclip.optimizers.clip_log import ClipLog


class ClipState(KerasSaveable):
    """The clipper's arrays and a log of the last steps.

    All of it is variables of the optimizer, so that every way of saving,
    sharding, donating and rolling back an optimizer covers it. In `.keras`
    and `.weights.h5` files it has a group of its own, beside the
    optimizer's, under the variables' names: so a file of the plain
    optimizer loads into the clipped one, and the other way round.

    Args:
        optimizer: The optimizer, just built; its variables come first.
        clipper: The clipper.
        variables: The variables that the optimizer was built with.
        unit_axes: Axes that a model knows for its variables' units.
    """

    def __init__(
        self,
        optimizer: Any,
        clipper: Clipper,
        variables: Sequence[Any],
        unit_axes: Mapping[str, Sequence[int]] | None = None,
    ):
        self._rule = clipper
        self.groups = clipper.group(variables, unit_axes)
        add_variable = partial(_add_variable, optimizer)
        self.state = {
            name: add_variable(name, value)
            for name, value in clipper.initial_state(self.groups).items()
        }
        self._numbers = clipper.numbers()
        self._rows = {
            name: add_variable(name, numbers.unchanged)
            for name, numbers in self._numbers.items()
        }
        self.clipper = clipper.in_use(self._rows)
        self.log = ClipLog(len(self.groups), add_variable)
        self.optimizer_was_loaded = True
        self._shapes = np.array(
            [n for v in variables for n in (len(v.shape), *v.shape)]
        )
        self._taken = self._skipped = None
        if clipper.skips_nonfinite or clipper.skips_spikes:
            self._taken = add_variable("taken", np.ones((), "float32"))
            # A skipped update has no row of its own: the next one takes it. All
            # that were skipped, those of them that were not finite; of both how
            # many ever, and how many in a row.
            self._skipped = add_variable("skipped", np.zeros((2, 2), "float32"))

    @property
    def variables(self) -> dict[str, Any]:
        """All variables by name."""
        flags = {"taken": self._taken, "skipped": self._skipped}
        if self._taken is None:
            flags = {}
        return {**self.state, **self._rows, "log": self.log.variable, **flags}

    @property
    def _saved(self) -> dict[str, Any]:
        return {**self.state, "log": self.log.variable}

    def clip(
        self, gradients: Sequence[Any], weights: Sequence[Any], step: Any
    ) -> list[Any]:
        """Clips one update's gradients and moves the state on."""
        state = {n: backend.read(v) for n, v in (self.state | self._rows).items()}
        clipped, state, record = self._rule.clip(
            gradients, state, weights, step, self.groups
        )
        # First the record: on torch it may share memory with the state.
        self.log.write(record, step)
        if self._taken is not None:
            taken = self._is_taken(record)
            self._taken.assign(ops.cast(taken, "float32"))
            self._count_skipped(taken, record.finite)
        for name, value in state.items():
            backend.assign(self.state[name], value)
        return clipped

    def _is_taken(self, record: Record) -> Any:
        if not self._rule.skips_spikes:
            return record.finite
        taken = ops.logical_not(record.skipped)
        if self._rule.skips_nonfinite:
            taken = ops.logical_and(taken, record.finite)
        return taken

    def was_taken(self) -> Any:
        """Whether the last call's update was, a bool scalar on the device.

        A call that only accumulates gradients makes no update, and was.
        """
        assert self._taken is not None, "Only with a clipper that skips."
        was = backend.read(self._taken) > 0
        self._taken.assign(1.0)
        return was

    def reset(self) -> None:
        """Begins the history and the log afresh; numbers stay as they are."""
        values = self._rule.initial_state(self.groups)
        values["log"] = np.zeros(self.log.variable.shape, "float32")
        for name, variable in self._saved.items():
            variable.assign(values[name])

    def _count_skipped(self, taken: Any, finite: Any) -> None:
        assert self._skipped is not None
        before = backend.read(self._skipped)
        ended = before * np.array([1, 0], "float32")
        goes_on = ops.stack([taken, ops.logical_or(taken, finite)])
        self._skipped.assign(ops.where(goes_on[:, None], ended, before + 1))

    def count_skipped(self, nonfinite: bool = False) -> tuple[int, int]:
        """Returns how many updates were skipped: ever, and lately in a row.

        Reads from the device. Not saved: it counts since `build`.

        Args:
            nonfinite: Whether to count only those that held a NaN or an inf.
        """
        if self._skipped is None:
            return 0, 0
        total, in_a_row = ops.convert_to_numpy(self._skipped)[int(nonfinite)]
        return int(total), int(in_a_row)

    # Saving, as Keras calls it.

    def _obj_type(self) -> str:
        return "Optimizer"

    def save_own_variables(self, store: Any) -> None:
        for name, variable in self._saved.items():
            store[name] = variable.numpy()
        for name, value in self._changed_numbers().items():
            store[name] = np.asarray(value, "float64")
        store["shapes"] = self._shapes

    def load_own_variables(self, store: Any) -> None:
        values = {name: np.asarray(store[name]) for name in set(store.keys())}
        shapes = values.pop("shapes", self._shapes)
        changed = {n: values.pop(n) for n in list(values) if _PREFIX in n}
        if not self.optimizer_was_loaded or not np.array_equal(shapes, self._shapes):
            warn(
                "The clipping history was left as it is: the file was saved "
                "with another model or another optimizer.",
                stacklevel=2,
            )
            return
        # All or nothing: half a history is worse than none.
        fault = self._find_fault(values)
        if fault:
            warn(f"The clipping history starts afresh: {fault}.", stacklevel=2)
            self.reset()
            return
        for name, variable in self._saved.items():
            variable.assign(values[name])
        for name, row in self._rows.items():
            prefix = name + _PREFIX
            of_row = {
                n.removeprefix(prefix): float(v)
                for n, v in changed.items()
                if n.startswith(prefix)
            }
            row.assign(self._numbers[name].row(of_row))

    def _changed_numbers(self) -> dict[str, float]:
        """Returns the numbers that were changed, under the names in a file."""
        return {
            f"{name}{_PREFIX}{number}": value
            for name, row in self._rows.items()
            for number, value in self._numbers[name].changed(row).items()
        }

    def _find_fault(self, values: Mapping[str, np.ndarray]) -> str | None:
        """Says why a file's history cannot be used, or None if it can."""
        if set(values) != set(self._saved):
            found = f"it has {sorted(values)}" if values else "it has none"
            return (
                "the file was saved with another clipper or with none "
                f"({found}, not {sorted(self._saved)})"
            )
        for name, variable in self._saved.items():
            value = values[name]
            if value.shape != tuple(variable.shape):
                return (
                    f"in the file `{name}` has the shape {value.shape}, not "
                    f"{tuple(variable.shape)}; was it saved with another window "
                    "or other groups?"
                )
            if not np.can_cast(value.dtype, variable.dtype, "same_kind"):
                return (
                    f"in the file `{name}` is of dtype {value.dtype}, not "
                    f"{variable.dtype}"
                )
            # The log may tell of steps that were NaN; the history never may.
            if name != "log" and np.isnan(value).any():
                return f"in the file `{name}` holds a NaN"
        return None


# Between a row's name and a number's in a file.
_PREFIX = "__"


def _add_variable(optimizer: Any, name: str, value: np.ndarray) -> Any:
    with scope_of(optimizer):
        return optimizer.add_variable(
            shape=value.shape,
            initializer=lambda shape, dtype: ops.convert_to_tensor(value, dtype),
            dtype=str(value.dtype),
            # Each replica computes the same from the same summed gradient.
            aggregation="only_first_replica",
            name=f"clip_{name}",
        )
