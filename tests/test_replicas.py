"""Law 1: n replicas with a share of the batch each equal one device."""

import functools

import keras
import numpy as np
import pytest
from training import BACKEND, assert_close, data, fit, mlp, state, weights

from keras_gradclip import AGC, AdaGC, AutoClip, ClipByNorm, ZClip, optimizers

pytestmark = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's"
)

RULES = {
    "norm": lambda: ClipByNorm(0.5),
    "autoclip": lambda: AutoClip(30),
    "autoclip_window": lambda: AutoClip(30, window=5, scope="layer"),
    "agc": lambda: AGC(0.1),
    "zclip": lambda: ZClip(warmup_steps=4, z_threshold=0.5),
    "adagc": lambda: AdaGC(warmup_steps=4),
}


@functools.cache
def mirrored():
    # One for all tests: TensorFlow mixes up the collectives of several.
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


# TensorFlow's own remark on CPU replicas.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rule", RULES)
def test_fit_under_mirrored_equals_one_device(rule):
    single = mlp()
    fit(single, optimizers.Adam(0.01, clipper=RULES[rule]()))
    with mirrored().scope():
        replicated = mlp()
        optimizer = optimizers.Adam(0.01, clipper=RULES[rule]())
        fit(replicated, optimizer, jit_compile=False)
    assert (single.optimizer.clip_history()["scale"] < 1).any()
    assert_close(weights(single), weights(replicated), 1e-4)
    for name, values in single.optimizer.clip_history().items():
        np.testing.assert_allclose(
            optimizer.clip_history()[name], values, rtol=1e-4, atol=1e-6
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("x", [[10.0, -8.0], [10.0, 10.0]])
def test_the_known_cases_where_keras_is_wrong(x):
    # With a bound of 1 and the loss -w * mean(x), the update is 1 in both.
    import tensorflow as tf

    strategy = mirrored()
    with strategy.scope():
        weight = keras.Variable(np.zeros(1, "float32"))
        optimizer = optimizers.SGD(1.0, clipper=ClipByNorm(1.0))
        optimizer.build([weight])
    inputs = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(x[context.replica_id_in_sync_group])
    )

    @tf.function
    def step(values):
        def update(value):
            # Each replica's loss is its share of the mean.
            optimizer.apply([tf.reshape(-value / 2, (1,))], [weight])

        strategy.run(update, args=(values,))

    step(inputs)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), [1.0], rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_each_replica_holds_the_same_state():
    with mirrored().scope():
        model = mlp()
        fit(model, optimizers.Adam(0.01, clipper=AutoClip(30)), jit_compile=False)
    for variable in model.optimizer.clip_state.variables.values():
        first, second = (v.numpy() for v in variable.value.values)
        np.testing.assert_array_equal(first, second)
    assert len(state(model.optimizer)) == len(model.optimizer.variables)


@pytest.mark.filterwarnings("ignore")
def test_accumulation_over_replicas_is_refused():
    with mirrored().scope():
        optimizer = optimizers.SGD(
            0.1, clipper="autoclip", gradient_accumulation_steps=2
        )
        with pytest.raises(ValueError, match="on several replicas"):
            optimizer.build(mlp().trainable_variables)


def test_data_is_spiky_enough_for_these_tests():
    # Else nothing would be clipped, and replicas could not differ.
    _, y = data()
    assert np.abs(y).max() > 20 * np.median(np.abs(y))
