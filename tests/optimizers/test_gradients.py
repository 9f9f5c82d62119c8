"""Gradients that are sparse, missing, shared, or no gradients at all."""

import keras
import numpy as np
import pytest
from helpers.replicas import mirrored
from helpers.training import BACKEND, assert_close, data, fit, mlp, weights

from keras_gradclip import AGC, AutoClip, ClipByNorm, optimizers

tensorflow_only = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's"
)
ROWS, WIDTH, WORDS = 12, 3, 5
TABLE = np.random.default_rng(3).normal(size=(ROWS, WIDTH)).astype("float32")

SPARSE_RULES = {
    "norm": lambda: ClipByNorm(0.05),
    "autoclip": lambda: AutoClip(30, scope="variable"),
    "agc": lambda: AGC(0.001, unit_axes={"table": (1,)}),
}


def sentences():
    generator = np.random.default_rng(5)
    # The first words are frequent, so that rows occur twice in a batch.
    x = np.minimum(generator.integers(0, ROWS, (64, WORDS)), 9)
    y = generator.lognormal(sigma=2.0, size=(64, 1)).astype("float32")
    return x, y


def embedding_model(is_sparse):
    """Looks rows up, or multiplies by one-hot vectors: the same model."""
    keras.utils.set_random_seed(0)
    start = keras.initializers.Constant(TABLE)
    if is_sparse:
        inputs = keras.Input((WORDS,), dtype="int32")
        rows = keras.layers.Embedding(
            ROWS, WIDTH, embeddings_initializer=start, name="table"
        )(inputs)
    else:
        inputs = keras.Input((WORDS, ROWS))
        rows = keras.layers.Dense(
            WIDTH, use_bias=False, kernel_initializer=start, name="table"
        )(inputs)
    outputs = keras.layers.Dense(1, name="head")(keras.layers.Flatten()(rows))
    return keras.Model(inputs, outputs)


def train(is_sparse, rule, **arguments):
    model = embedding_model(is_sparse)
    optimizer = optimizers.SGD(0.05, clipper=SPARSE_RULES[rule](), **arguments)
    model.compile(optimizer, loss="mse", jit_compile=False)
    x, y = sentences()
    x = x if is_sparse else np.eye(ROWS, dtype="float32")[x]
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize("rule", SPARSE_RULES)
@pytest.mark.parametrize("arguments", [{}, {"gradient_accumulation_steps": 2}])
def test_an_embedding_is_clipped_as_a_dense_table(rule, arguments):
    looked_up, multiplied = (train(kind, rule, **arguments) for kind in (True, False))
    assert_close(weights(looked_up), weights(multiplied), 1e-4)
    first, second = (m.optimizer.clip_history() for m in (looked_up, multiplied))
    np.testing.assert_allclose(first["norm"], second["norm"], rtol=1e-3, atol=1e-5)
    assert (first["scale"] < 1).any()


@tensorflow_only
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rule", SPARSE_RULES)
def test_an_embedding_over_replicas_equals_one_device(rule):
    single = train(True, rule)
    with mirrored(2).scope():
        replicated = train(True, rule)
    assert_close(weights(single), weights(replicated), 1e-4)


def test_a_layer_frozen_between_fits_keeps_its_history():
    model = mlp()
    optimizer = optimizers.Adam(0.01, clipper=AutoClip(30, scope="layer"))
    fit(model, optimizer, epochs=1)
    counts = optimizer.clip_state.state["counts"]
    model.layers[0].trainable = False
    frozen = weights(model)[:2]
    if BACKEND == "jax":
        # Keras cannot do it there, whatever the optimizer.
        with pytest.raises(ValueError, match="must be a list of tensors"):
            fit(model, optimizer, epochs=1)
        return
    fit(model, optimizer, epochs=1)
    assert_close(frozen, weights(model)[:2], 0)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(counts)[:, -1], [8, 16])
    model.layers[0].trainable = True
    fit(model, optimizer, epochs=1)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(counts)[:, -1], [16, 24])


def test_a_variable_overwritten_by_its_gradient_is_neither_measured_nor_scaled():
    # As the scales of float8 layers are.
    a, b = (keras.Variable(np.ones(2, "float32"), name=name) for name in "ab")
    b.overwrite_with_gradient = True
    optimizer = optimizers.SGD(1.0, clipper=ClipByNorm(1.0))
    optimizer.build([a, b])
    tensors = [keras.ops.convert_to_tensor([3.0, 4.0])] * 2
    optimizer.apply(tensors, [a, b])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(a), [0.4, 0.2], rtol=1e-6)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(b), [3.0, 4.0])
    np.testing.assert_allclose(optimizer.clip_history()["norm"], [[5.0]])


def test_tied_weights_have_one_gradient():
    def tied():
        keras.utils.set_random_seed(0)
        inputs = keras.Input((4,))
        shared = keras.layers.Dense(4, activation="tanh")
        return keras.Model(inputs, keras.layers.Dense(1)(shared(shared(inputs))))

    models = tied(), tied()
    fit(models[0], keras.optimizers.SGD(0.01, global_clipnorm=0.5))
    fit(models[1], optimizers.SGD(0.01, clipper=ClipByNorm(0.5)))
    assert_close(weights(models[0]), weights(models[1]), 1e-5)
    assert len(models[1].trainable_variables) == 4


@pytest.mark.skipif(
    not hasattr(keras.optimizers, "MultiOptimizer"), reason="not in this Keras"
)
def test_members_of_a_multi_optimizer_clip_their_own_variables():
    def member():
        return optimizers.SGD(0.01, clipper=ClipByNorm(0.5))

    members = keras.optimizers.OptimizerMap(member(), {".*last.*": member()})
    model, layers = mlp(), mlp()
    fit(model, keras.optimizers.MultiOptimizer(members))
    by_layer = optimizers.SGD(0.01, clipper=ClipByNorm(0.5, scope="layer"))
    fit(layers, by_layer)
    assert_close(weights(model), weights(layers), 1e-5)
    first, last = (o.clip_history()["norm"][:, 0] for o in model.optimizer.optimizers)
    norms = np.stack(sorted([first, last], key=lambda n: n[0]))
    expected = by_layer.clip_history()["norm"].T
    np.testing.assert_allclose(norms, sorted(expected, key=lambda n: n[0]), rtol=1e-4)


@tensorflow_only
@pytest.mark.filterwarnings("ignore")
def test_each_gradient_is_summed_over_replicas_once(monkeypatch):
    import tensorflow as tf

    summed = []
    original = tf.distribute.ReplicaContext.all_reduce

    def counting(context, reduce_op, value, **arguments):
        summed.append(len(tf.nest.flatten(value)))
        return original(context, reduce_op, value, **arguments)

    monkeypatch.setattr(tf.distribute.ReplicaContext, "all_reduce", counting)
    x, y = data()
    counts = []
    for clipper in (None, AutoClip(30, scope="layer")):
        with mirrored(2).scope():
            model = mlp()
            model.compile(optimizers.SGD(clipper=clipper), "mse", jit_compile=False)
        summed.clear()
        model.fit(x, y, batch_size=8, verbose=0)
        counts.append(sum(summed))
    assert counts[0] == counts[1] > 0
