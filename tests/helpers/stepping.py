"""What the tests of the clippers share: the table of rules, and ways to run one.

The rules themselves stand in `rules.py`.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from hypothesis import Phase, settings
from hypothesis import strategies as st
from keras import ops

from keras_gradclip.clippers.base import NO_BOUND

BACKEND = keras.backend.backend()
# How the oracle tests run a rule, and how the common ones do.
MODES, COMPILED = {
    "tensorflow": (("eager", "xla"), "graph"),
    "jax": (("eager", "jit"), "jit"),
    "torch": (("eager",), "eager"),
}[BACKEND]
HAS_SPARSE = BACKEND in ("tensorflow", "jax")

# The same examples in every run, so that a failure can be repeated. They are
# small as drawn, and to shrink one takes longer than all the rest.
PROPERTY = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)

# The gradients of the common tests: few shapes, so that JAX compiles few ops.
SHAPES = {
    "dense/kernel": (3, 2),
    "dense/bias": (2,),
    "head/kernel": (2, 4),
    "head/bias": (4,),
}
SIZES = [int(np.prod(shape)) for shape in SHAPES.values()]


def variable(path: str, value: Any) -> keras.Variable:
    layer, _, name = path.rpartition("/")
    value = np.asarray(value, "float32")
    if not layer:
        return keras.Variable(value, name=name)
    with keras.name_scope(layer):
        return keras.Variable(value, name=name)


@functools.cache
def variables() -> tuple[keras.Variable, ...]:
    generator = np.random.default_rng(7)
    return tuple(variable(p, generator.normal(size=s)) for p, s in SHAPES.items())


def split(flat: np.ndarray) -> list[np.ndarray]:
    """Cuts one row of numbers into gradients of the shapes in `SHAPES`."""
    parts = np.split(np.asarray(flat, "float32"), np.cumsum(SIZES)[:-1])
    return [p.reshape(s) for p, s in zip(parts, SHAPES.values())]


def random_gradients(steps: int, seed: int = 0) -> list[list[np.ndarray]]:
    """Gradients whose norms differ by orders of magnitude from step to step."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(steps, sum(SIZES)))
    sizes = generator.lognormal(1.0, 1.5, (steps, 1))
    # No rule clips the first step, so let there be larger ones.
    sizes[0] = 1.0
    return [split(row) for row in rows * sizes]


def gradient_steps(steps: int) -> st.SearchStrategy[list[list[np.ndarray]]]:
    """Draws the gradients of a few steps.

    Few draws for each, since Hypothesis takes longer for 20 numbers than the
    clipping does. No squares beyond float32, which would count as inf or as 0.
    """
    seed, exponent = st.integers(0, 2**16), st.floats(-6.0, 6.0)
    kind = st.sampled_from(["normal", "ones", "sparse", "one_variable", "zero"])
    one = st.builds(_gradients, kind, seed, exponent)
    return st.lists(one, min_size=steps, max_size=steps)


def _gradients(kind: str, seed: int, exponent: float) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    row = generator.normal(size=sum(SIZES))
    if kind == "ones":
        row = np.ones_like(row)
    elif kind == "sparse":
        row *= generator.uniform(size=row.shape) < 0.2
    elif kind == "one_variable":
        row[SIZES[0] :] = 0.0
    elif kind == "zero":
        row *= 0.0
    return split(row * 10.0**exponent)


def pieces(scope: str, gradients: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Cuts gradients of the shapes in `SHAPES` into vectors with one norm each."""
    flat = [np.ravel(g).astype("float64") for g in gradients]
    if scope == "global":
        return [np.concatenate(flat)]
    if scope == "layer":
        return [np.concatenate(flat[:2]), np.concatenate(flat[2:])]
    if scope == "variable":
        return flat
    # The units: columns of a kernel, a whole bias.
    kernel, bias, head_kernel, head_bias = gradients
    columns = [*kernel.T, bias, *head_kernel.T, head_bias]
    return [column.astype("float64") for column in columns]


def piece_norms(scope: str, gradients: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([np.linalg.norm(piece) for piece in pieces(scope, gradients)])


def tensors(values: Sequence[Any], dtype: str = "float32") -> list[Any]:
    """Makes tensors; bfloat16 by a cast, since NumPy does not know it."""
    return [
        None if v is None else ops.cast(ops.convert_to_tensor(v, "float32"), dtype)
        for v in values
    ]


def array(value: Any) -> Any:
    """Returns a NumPy array, duplicate rows of a sparse gradient summed."""
    if value is None:
        return None
    if BACKEND == "jax" and hasattr(value, "todense"):
        value = value.todense()
    if ops.dtype(value) == "bfloat16":
        value = ops.cast(value, "float32")
    return ops.convert_to_numpy(value)


def arrays(values: Sequence[Any]) -> list[Any]:
    return [array(value) for value in values]


class Step:
    """One clipper at work on variables, eager or compiled; the state outside."""

    def __init__(self, clipper: Any, weights: Sequence[Any], mode: str = "eager"):
        self.clipper, self.weights = clipper, weights
        self.groups = clipper.group(weights)
        self.traces = 0
        self._step = self._compile(mode)

    def _compile(self, mode: str) -> Callable[..., Any]:
        if mode == "eager":
            return self._clip
        if BACKEND == "tensorflow":
            import tensorflow as tf

            return tf.function(self._clip, jit_compile=mode == "xla")
        import jax

        return jax.jit(self._clip)

    def _clip(self, gradients: Any, state: Any, step: Any) -> Any:
        self.traces += 1
        clipped, state, record = self.clipper.clip(
            gradients, state, self.weights, step, self.groups
        )
        return clipped, state, tuple(record)[:-2]

    def initial_state(self) -> dict[str, Any]:
        state = self.clipper.initial_state(self.groups)
        return {k: ops.convert_to_tensor(v) for k, v in state.items()}

    def __call__(self, gradients: Any, state: Any, step: int) -> Any:
        step = ops.convert_to_tensor(step, "int32")
        return self._step(list(gradients), state, step)


class Trace(NamedTuple):
    """What a clipper did in several steps, as NumPy arrays, a row a step."""

    norms: np.ndarray
    thresholds: np.ndarray
    scales: np.ndarray
    whole: np.ndarray
    whole_after: np.ndarray
    gradients: list[list[np.ndarray]]
    states: list[dict[str, np.ndarray]]

    @property
    def state(self) -> dict[str, np.ndarray]:
        return self.states[-1]


def trace(step: Step, gradient_lists: Sequence[Sequence[Any]]) -> Trace:
    """Clips gradients one step after another."""
    state, records, clipped, states = step.initial_state(), [], [], []
    for t, gradients in enumerate(gradient_lists):
        result, state, record = step(gradients, state, t)
        records.append(arrays(record))
        clipped.append(arrays(result))
        states.append({name: array(value) for name, value in state.items()})
    norms, thresholds, *others = (np.stack(column) for column in zip(*records))
    thresholds = np.where(thresholds < NO_BOUND, thresholds, np.inf)
    return Trace(norms, thresholds, *others, clipped, states)


def run(clipper: Any, norms: Any, mode: str = "eager") -> Trace:
    """Clips gradients that have the given norms.

    Args:
        clipper: The clipper.
        norms: One norm for each step, or a row with one for each variable.
        mode: One of `MODES`.
    """
    norms = np.asarray(norms, "float64")
    norms = norms[:, None] if norms.ndim == 1 else norms
    weights = [variable(f"layer_{i}/kernel", [3.0, 4.0]) for i in range(norms.shape[1])]
    direction = np.array([0.6, 0.8])
    return trace(
        Step(clipper, weights, mode),
        [tensors([norm * direction for norm in row]) for row in norms],
    )


def same_states(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> None:
    """Asserts that two states are equal bit for bit."""
    assert set(first) == set(second)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)


def sparse(rows: Any, indices: Sequence[int], height: int, dtype: str = "float32"):
    """Makes a sparse gradient of `height` rows; duplicate indices allowed."""
    (values,) = tensors([rows], dtype)
    shape = (height, *np.shape(rows)[1:])
    if BACKEND == "tensorflow":
        import tensorflow as tf

        indices = tf.constant(indices, "int64")
        return tf.IndexedSlices(values, indices, tf.constant(shape))
    from jax.experimental.sparse import BCOO

    positions = np.asarray(indices, "int32").reshape(-1, 1)
    return BCOO((values, ops.convert_to_tensor(positions)), shape=shape)


def dense(rows: Any, indices: Sequence[int], height: int) -> np.ndarray:
    """What `sparse` means, as a NumPy array."""
    rows = np.asarray(rows, "float32")
    result = np.zeros((height, *rows.shape[1:]), "float32")
    np.add.at(result, list(indices), rows)
    return result
