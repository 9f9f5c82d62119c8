"""Every public method of `keras.optimizers.Optimizer`, on ours and on Keras's."""

import keras
import numpy as np
import pytest

from keras_gradclip import ClipByNorm, optimizers

BOUND = 1e6  # is never reached


def ours():
    return optimizers.Adam(0.1, name="adam", clipper=ClipByNorm(BOUND))


def plain():
    return keras.optimizers.Adam(0.1, name="adam")


def built(make):
    variables = [keras.Variable(np.full(n, 2.0, "float32")) for n in (3, 2)]
    optimizer = make()
    optimizer.build(variables)
    optimizer.apply(gradients(), variables)
    return optimizer, variables


def gradients():
    return [keras.ops.full((n,), 0.5) for n in (3, 2)]


def applied(optimizer, variables):
    optimizer.apply(gradients(), variables)
    return variables


def apply_gradients(optimizer, variables):
    count = optimizer.apply_gradients(zip(gradients(), variables))
    return [count, *variables]


def stateless(optimizer, variables):
    new, _ = optimizer.stateless_apply(
        [v.value for v in optimizer.variables],
        gradients(),
        [v.value for v in variables],
    )
    return new


def stored(optimizer, variables):
    store = {}
    optimizer.save_own_variables(store)
    again, _ = built(type(optimizer))
    again.load_own_variables({k: np.asarray(v) for k, v in store.items()})
    return [np.asarray(store[name]) for name in sorted(store)]


def rebuilt(optimizer, _):
    again = type(optimizer).from_config(optimizer.get_config())
    config = again.get_config()
    config.pop("clipper", None)
    return config


def with_weights(optimizer, variables):
    values = [keras.ops.convert_to_numpy(v) for v in optimizer.variables]
    optimizer.set_weights([np.zeros_like(v) for v in values])
    optimizer.set_weights(values)
    return applied(optimizer, variables)


def with_rate(optimizer, variables):
    optimizer.learning_rate = 0.5
    return [optimizer.learning_rate, *applied(optimizer, variables)]


def assigning(name):
    def assign(optimizer, variables):
        getattr(optimizer, name)(variables[0], keras.ops.ones(3))
        return variables

    return assign


def excluding(optimizer, _):
    optimizer = type(optimizer)(weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return applied(*built(lambda: optimizer))


def finalized(optimizer, variables):
    optimizer = type(optimizer)(use_ema=True)
    optimizer, variables = built(lambda: optimizer)
    optimizer.finalize_variable_values(variables)
    return variables


def added(optimizer, variables):
    return [
        optimizer.add_variable((2,), name="mine"),
        optimizer.add_variable_from_reference(variables[0], "like"),
        *optimizer.add_optimizer_variables(variables, "each"),
    ]


METHODS = {
    "add_optimizer_variables": added,
    "add_variable": added,
    "add_variable_from_reference": added,
    "apply": applied,
    "apply_gradients": apply_gradients,
    "assign": assigning("assign"),
    "assign_add": assigning("assign_add"),
    "assign_sub": assigning("assign_sub"),
    "build": lambda o, v: [o.build(v), *v][1:],
    "exclude_from_weight_decay": excluding,
    "finalize_variable_values": finalized,
    "from_config": rebuilt,
    "get_config": rebuilt,
    "iterations": lambda o, v: [o.iterations],
    "learning_rate": with_rate,
    "load_own_variables": stored,
    "save_own_variables": stored,
    "scale_loss": lambda o, v: [o.scale_loss(keras.ops.ones(()))],
    "set_weights": with_weights,
    "stateless_apply": stateless,
    "update_step": applied,
    "variables": lambda o, v: o.variables[:6],
}


def names_of(cls):
    bases = (base for base in cls.__mro__ if base.__module__.startswith("keras."))
    return {name for base in bases for name in vars(base) if name[0] != "_"}


def test_no_method_of_keras_was_overlooked():
    # Red when Keras adds one: then try it here.
    assert names_of(type(plain())) <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_it_does_as_that_of_keras_does(name):
    if (name, keras.backend.backend()) == ("stateless_apply", "tensorflow"):
        pytest.skip("Keras has none there")
    expected, found = (METHODS[name](*built(make)) for make in (plain, ours))
    if isinstance(expected, dict):
        assert found == expected
        return
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (a, b)))


def test_a_variable_that_is_added_later_does_not_disturb_the_history():
    optimizer, variables = built(ours)
    optimizer.add_variable((2,), name="mine")
    applied(optimizer, variables)
    assert list(optimizer.clip_history()["step"]) == [0, 1]
