"""Tests of `unit_axes`: which axes make one output unit of each weight."""

import json

import keras
import numpy as np
import pytest
from helpers.held import Held
from keras import layers as L

from keras_gradclip._math.unit_axes import (
    default_unit_axes,
    resolve_unit_axes,
    unit_axes_of,
)


@pytest.fixture(autouse=True)
def no_random_numbers(monkeypatch):
    """Axes do not depend on values, and JAX compiles random ones for each shape."""
    for name in ("VarianceScaling", "Orthogonal", "RandomUniform"):
        monkeypatch.setattr(
            getattr(keras.initializers, name),
            "__call__",
            lambda self, shape, dtype=None, **kw: np.ones(tuple(shape), "float32"),
        )


def kernel(*axes, bias=(0,)):
    return {"kernel": axes, "bias": bias}


def cell(name, *axes, bias=(0,)):
    both = {f"{name}/kernel": axes, f"{name}/recurrent_kernel": axes}
    return both | {f"{name}/bias": bias}


def einsum(equation, output_shape, bias_axes=None):
    return lambda: L.EinsumDense(equation, output_shape, bias_axes=bias_axes)


MHA = {"attention_output/kernel": (0, 1), "attention_output/bias": (0,)}
for sublayer in ("query", "key", "value"):
    MHA |= {f"{sublayer}/kernel": (0,), f"{sublayer}/bias": (0, 1)}
NORM, NORM_2 = {"gamma": (0,), "beta": (0,)}, {"gamma": (0, 1), "beta": (0, 1)}
SEP_1 = {"pointwise_kernel": (0, 1), "depthwise_kernel": (0,), "bias": (0,)}
SEP_2 = {"pointwise_kernel": (0, 1, 2), "depthwise_kernel": (0, 1), "bias": (0,)}
LSTM_1, LSTM_2 = cell("conv_lstm_cell", 0, 1), cell("conv_lstm_cell", 0, 1, 2)
QKV = [(1, 2, 4), (1, 2, 4)]
IMAGE = (1, 3, 3, 2)

# Layer, input shape (a list of several), axes of each weight by its path below the
# layer, and the axes of the output that index the units of the first weight.
AUTO_NAMED = {
    "dense": (lambda: L.Dense(5), (2, 3), kernel(0), (1,)),
    "fan_in_1": (lambda: L.Dense(4), (2, 1), kernel(0), (1,)),
    "conv1d": (lambda: L.Conv1D(3, 2), (1, 3, 2), kernel(0, 1), (2,)),
    "conv2d": (lambda: L.Conv2D(3, 2), IMAGE, kernel(0, 1, 2), (3,)),
    "groups": (lambda: L.Conv2D(4, 2, groups=2), IMAGE, kernel(0, 1, 2), (3,)),
    "conv3d": (lambda: L.Conv3D(2, 2), (1, 2, 2, 2, 2), kernel(0, 1, 2, 3), (4,)),
    "dw1d": (lambda: L.DepthwiseConv1D(3), (1, 4, 3), kernel(0), (2,)),
    "dw2d": (lambda: L.DepthwiseConv2D(2, 1, "same", 2), IMAGE, kernel(0, 1), (3,)),
    "sep1d": (lambda: L.SeparableConv1D(3, 2), (1, 4, 3), SEP_1, (2,)),
    "sep2d": (lambda: L.SeparableConv2D(3, 2), IMAGE, SEP_2, (3,)),
    "up1d": (lambda: L.Conv1DTranspose(3, 2), (1, 2, 2), kernel(0, 2), (2,)),
    "up2d": (lambda: L.Conv2DTranspose(3, 2), IMAGE, kernel(0, 1, 3), (3,)),
    "up3d": (lambda: L.Conv3DTranspose(3, 2), (1, 2, 2, 2, 1), kernel(0, 1, 2, 4), ()),
    "embedding": (lambda: L.Embedding(4, 3), (4,), {"embeddings": (1,)}, (0,)),
    "rnn": (lambda: L.SimpleRNN(3), (1, 1, 2), cell("simple_rnn_cell", 0), (1,)),
    "lstm": (lambda: L.LSTM(4), (2, 5, 3), cell("lstm_cell", 0), ()),
    "gru": (lambda: L.GRU(4), (2, 5, 3), cell("gru_cell", 0, bias=(0, 1)), ()),
    "conv_lstm1d": (lambda: L.ConvLSTM1D(2, 2), (2, 3, 5, 3), LSTM_1, ()),
    "conv_lstm2d": (lambda: L.ConvLSTM2D(2, 2), (2, 3, 5, 5, 3), LSTM_2, ()),
    "mha": (lambda: L.MultiHeadAttention(2, 3), QKV, MHA, (2,)),
    "gqa": (lambda: L.GroupQueryAttention(3, 4, 2), QKV, MHA, (2,)),
    "batch_norm": (L.BatchNormalization, (2, 3), NORM, ()),
    "group_norm": (lambda: L.GroupNormalization(2), (2, 5, 4), NORM, ()),
    "layer_norm": (lambda: L.LayerNormalization(axis=(1, 2)), (2, 4, 3), NORM_2, ()),
    "prelu": (L.PReLU, (2, 5, 5, 3), {"alpha": (0, 1, 2)}, ()),
}
CLASS_NEEDED = {
    "up": (lambda: L.Conv2DTranspose(3, 2, name="up"), IMAGE, kernel(0, 1, 3), ()),
    "dw": (lambda: L.DepthwiseConv2D(2, name="dw"), IMAGE, kernel(0, 1), ()),
    "cell": (lambda: L.ConvLSTM1D(2, 2, name="query"), (2, 3, 5, 3), LSTM_1, ()),
    **{
        name: (lambda n=name: L.Conv1D(3, 2, name=n), (1, 3, 2), kernel(0, 1), ())
        for name in ("transpose", "depthwise", "query")
    },
    "heads": (einsum("ab,bcd->acd", (2, 3), "d"), (2, 4), kernel(0), (1, 2)),
    "bias": (einsum("ab,bcd->acd", (2, 3), "cd"), (2, 4), kernel(0, bias=(0, 1)), ()),
    "merge": (einsum("abc,bcd->ad", (4,), "d"), (2, 3, 2), kernel(0, 1), (1,)),
    "first": (einsum("abc,dbc->ad", (4,), "d"), (2, 3, 2), kernel(1, 2), (1,)),
    "dots": (einsum("...x,xy->...y", 4, "y"), (2, 3), kernel(0), (1,)),
    # An expert axis, in the input and in the output, tells units apart.
    "experts": (einsum("aec,ecd->aed", (2, 3), "d"), (2, 2, 4), kernel(1), (1, 2)),
    # Nothing is summed: each weight is a unit, but a vector is a gain, so one unit.
    "no_sum": (einsum("af,fd->afd", (3, 2), "d"), (2, 3), kernel(), (1, 2)),
    "gain": (einsum("af,f->af", (3,), "f"), (2, 3), kernel(0), ()),
}
TABLE = AUTO_NAMED | CLASS_NEEDED


def built(make, shape):
    layer = make()
    layer.build(*shape) if isinstance(shape, list) else layer.build(shape)
    return layer


def below(layer, result):
    """`result` with the layer's own name taken off its paths."""
    return {path.removeprefix(f"{layer.name}/"): axes for path, axes in result.items()}


@pytest.mark.parametrize("case", TABLE)
def test_table(case):
    make, shape, expected, _ = TABLE[case]
    layer = built(make, shape)
    assert below(layer, unit_axes_of(layer)) == expected
    if case in AUTO_NAMED:
        by_name = {w.path: default_unit_axes(w.path, w.shape) for w in layer.weights}
        assert below(layer, by_name).items() >= expected.items()


numpy = keras.ops.convert_to_numpy


def positive(shape):
    """Random values of one sign, so that no two effects cancel."""
    return np.random.default_rng(0).uniform(0.5, 1.5, shape).astype("float32")


def assert_units_are_outputs(layer, call, inputs, weight, unit_dims):
    """Finds by trial which weights feed each output unit; compares the norms."""
    for variable in layer.trainable_weights:
        variable.assign(positive(variable.shape))
    values, before = numpy(weight), numpy(call(*inputs))
    others = tuple(d for d in range(before.ndim) if d not in unit_dims)
    feeds = []
    for index in np.ndindex(*values.shape):
        bumped = values.copy()
        bumped[index] += 1.0
        weight.assign(bumped)
        change = np.abs(numpy(call(*inputs)) - before)
        feeds.append((change > 1e-4).any(axis=others).ravel())
    assert (np.sum(feeds, axis=1) == 1).all(), "each weight feeds exactly one unit"
    expected = np.sqrt(np.transpose(feeds) @ values.ravel() ** 2)
    found = np.sqrt(np.sum(values**2, axis=unit_axes_of(layer)[weight.path]))
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-5)


@pytest.mark.parametrize("case", [case for case in TABLE if TABLE[case][3]])
def test_a_unit_is_what_feeds_one_output(case):
    make, shape, expected, unit_dims = TABLE[case]
    layer = built(make, shape)
    inputs = [positive(s) for s in (shape if isinstance(shape, list) else [shape])]
    if case == "embedding":
        inputs = [np.arange(4, dtype="int32")]
    end = f"/{next(iter(expected))}"
    (weight,) = (w for w in layer.trainable_weights if w.path.endswith(end))
    assert_units_are_outputs(layer, layer, inputs, weight, unit_dims)


@pytest.mark.parametrize("name", ["query", "key", "value"])
def test_a_unit_of_an_attention_projection_feeds_one_place_of_one_head(name):
    mha = built(lambda: L.MultiHeadAttention(2, 3), QKV)
    project = getattr(mha, f"{name}_dense")
    weight = project.trainable_weights[0]
    assert_units_are_outputs(mha, project, [positive(QKV[0])], weight, (2, 3))


DEFAULTS = [
    ("kernel", 2, (0,)),
    ("a/scalar", 0, ()),
    ("a/anything", 1, (0,)),
    *((f"a/{name}", 2, (0, 1)) for name in ("bias", "gamma", "beta", "alpha", "scale")),
    ("a/embeddings", 2, (1,)),
    ("a/reverse_embeddings", 2, (0,)),
    ("a/depthwise_kernel", 3, (0,)),
    ("a/depthwise_kernel", 4, (0, 1)),
    ("a/recurrent_kernel", 4, (0, 1, 2)),
    ("m/my_transpose/kernel", 5, (0, 1, 2, 4)),
    # Only the layer itself counts, and only its kernel.
    ("transpose/conv2d/kernel", 4, (0, 1, 2)),
    ("transpose/kernel", 2, (0,)),
    ("transpose/w", 3, (0, 1)),
    ("m/value/kernel", 3, (0,)),
    ("m/value/kernel", 4, (0, 1, 2)),
]


@pytest.mark.parametrize(("path", "rank", "expected"), DEFAULTS)
def test_default(path, rank, expected):
    assert default_unit_axes(path, (3,) * rank) == expected


def broad_model():
    """Nested models, wrappers, cells, attention and custom layers."""
    cells = [L.LSTMCell(3, name="low"), L.SimpleRNNCell(2, name="high")]
    model = Held(
        (Held((L.Conv2DTranspose(3, 2, name="up"), (1, 4, 4, 3)), name="in"), (1,)),
        (keras.Sequential([L.DepthwiseConv2D(2, name="dw")]), (1, 4, 4, 3)),
        (L.Embedding(7, 4, name="tokens"), (1, 5)),
        (L.Bidirectional(L.GRU(2, name="gru"), name="both"), (1, 5, 4)),
        (L.TimeDistributed(L.Conv1D(3, 2, name="each")), (1, 5, 6, 4)),
        (L.RNN(cells, name="rnn"), (1, 5, 4)),
        (L.MultiHeadAttention(2, 3, name="mha"), *QKV),
        (L.GroupQueryAttention(3, 2, 1, name="gqa"), *QKV),
        name="out",
    )
    model.build()
    return model


def test_broad_model():
    model = broad_model()
    found = unit_axes_of(model)
    assert list(found) == [weight.path for weight in model.trainable_weights]
    expected = {
        "out/mix": (0, 1),
        "out/scale": (0, 1),
        "in/mix": (0, 1),
        "up/kernel": (0, 1, 3),
        "dw/kernel": (0, 1),
        "tokens/embeddings": (1,),
        "each/kernel": (0, 1),
        **cell("forward_gru/gru_cell", 0, bias=(0, 1)),
        **cell("backward_gru/gru_cell", 0, bias=(0, 1)),
        **cell("low", 0),
        **cell("high", 0),
        **{f"{a}/{path}": axes for a in ("mha", "gqa") for path, axes in MHA.items()},
    }
    for end, axes in expected.items():
        assert [found[p] for p in found if f"/{p}".endswith(f"/{end}")] == [axes], end
    loaded = json.loads(json.dumps(found))
    for w in model.trainable_weights:
        assert resolve_unit_axes(w.path, w.shape, loaded) == found[w.path]


def test_frozen_layers_are_left_out_of_a_functional_model():
    inputs = keras.Input((3,))
    inner = keras.Sequential([keras.Input((3,)), L.Dense(2, name="a")])
    head = L.Dense(2, name="b")
    model = keras.Model(inputs, head(inner(inputs)))
    assert len(unit_axes_of(model)) == 4
    head.trainable = False
    assert list(unit_axes_of(model)) == [w.path for w in inner.weights]


def test_a_weight_outside_the_tracked_layers_follows_its_name():
    stray = keras.Variable(np.zeros((2, 3)), name="bias")

    class Mine(Held):
        trainable_weights = property(lambda self: [stray])

    model = Mine()
    model.build()
    assert unit_axes_of(model) == {"bias": (0, 1)}


LORA = {
    "dense": (lambda: L.Dense(5), (2, 3), "kernel", (0,)),
    "conv2d": (lambda: L.Conv2D(5, 3), (2, 9, 9, 3), "kernel", (0, 1, 2)),
    "heads": (einsum("ab,bcd->acd", (2, 4), None), (2, 6), "kernel", (0,)),
    "embedding": (lambda: L.Embedding(7, 3), (2, 4), "embeddings", (1,)),
}


@pytest.mark.parametrize("case", LORA)
def test_lora(case):
    make, shape, name, axes = LORA[case]
    layer = built(make, shape)
    layer.enable_lora(2)
    found = below(layer, unit_axes_of(layer))
    found.pop("bias", None)
    assert found == {f"lora_{name}_a": axes, f"lora_{name}_b": (0,)}


def test_an_einsum_kernel_that_does_not_fit_its_equation_follows_its_name():
    class Packed(L.EinsumDense):
        def build(self, _):
            self.packed = self.add_weight(shape=(2, 3, 4), name="kernel")

    layer = built(lambda: Packed("ab,bc->ac", 4), (2, 3))
    assert below(layer, unit_axes_of(layer)) == {"kernel": (0, 1)}


@pytest.mark.skipif(not hasattr(L, "ReversibleEmbedding"), reason="not in this Keras")
def test_reversible_embedding():
    tied = built(lambda: L.ReversibleEmbedding(7, 3), (2, 4))
    assert below(tied, unit_axes_of(tied)) == {"embeddings": (1,)}
    both = built(lambda: L.ReversibleEmbedding(7, 3, tie_weights=False), (2, 4))
    expected = {"embeddings": (1,), "reverse_embeddings": (0,)}
    assert below(both, unit_axes_of(both)) == expected
