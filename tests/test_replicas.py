"""Replicas under one strategy; that they equal one device is in `conformance`."""

import keras
import numpy as np
import pytest
from helpers.replicas import mirrored, mirrored_fit
from helpers.training import BACKEND, fit, mlp, state

from keras_gradclip import AutoClip, ClipByNorm, optimizers

pytestmark = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="tf.distribute is TensorFlow's"
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("x", [[10.0, -8.0], [10.0, 10.0]])
def test_the_known_cases_where_keras_is_wrong(x):
    # With a bound of 1 and the loss -w * mean(x), the update is 1 in both.
    import tensorflow as tf

    strategy = mirrored(2)
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
    with mirrored(2).scope():
        model = mlp()
        fit(model, optimizers.Adam(0.01, clipper=AutoClip(30)), jit_compile=False)
    for variable in model.optimizer.clip_state.variables.values():
        first, second = (v.numpy() for v in variable.value.values)
        np.testing.assert_array_equal(first, second)
    assert len(state(model.optimizer)) == len(model.optimizer.variables)


@pytest.mark.filterwarnings("ignore")
def test_accumulation_over_replicas_is_refused():
    with mirrored(2).scope():
        optimizer = optimizers.SGD(
            0.1, clipper="autoclip", gradient_accumulation_steps=2
        )
        with pytest.raises(ValueError, match="on several replicas"):
            optimizer.build(mlp().trainable_variables)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("clipper", [None, "autoclip"])
def test_xla_over_replicas_on_one_cpu_fails_whatever_the_optimizer(clipper):
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError):
        mirrored_fit(lambda: optimizers.SGD(0.01, clipper=clipper), 2, jit_compile=True)
    with mirrored(2).scope():
        model = mlp()
        fit(model, optimizers.SGD(0.01, clipper=clipper), jit_compile="auto")
    assert not model.jit_compile
