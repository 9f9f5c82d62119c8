"""Every public method of `keras.Model`, on ours and on Keras's."""

import warnings

import keras
import numpy as np
import pytest
from helpers.training import BACKEND, data

from keras_gradclip import AutoClip, ClippedModel, optimizers

x, y = data(16)


def model_of(cls):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,), name="inputs")
    hidden = keras.layers.Dense(3, activation="tanh", name="hidden")(inputs)
    model = cls(inputs, keras.layers.Dense(1, name="out")(hidden), name="m")
    clipper = AutoClip(30, scope="layer")
    model.compile(optimizers.Adam(0.01, clipper=clipper), "mse", metrics=["mae"])
    model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    return model


def saved(model, path, save, load):
    save(model, path)
    for variable in model.weights:
        variable.assign(keras.ops.zeros(variable.shape))
    loaded = load(model, path)
    return [*loaded.get_weights(), *map(np.asarray, loaded.predict(x, verbose=0))]


def quantized(model, _):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Layer InputLayer does not have a")
        model.quantize("int8")
    return model.predict(x, verbose=0)


def exported(model, path):
    model.export(path, format="tf_saved_model", verbose=False)
    return keras.layers.TFSMLayer(path, call_endpoint="serve")(x)


def logs(history):
    return {k: v for k, v in history.items() if k in ("loss", "mae")}


def lines(model):
    found = []
    model.summary(print_fn=lambda line, **_: found.append(line))
    # The class and the optimizer's state are ours.
    return [line for line in found if "Model" not in line]


CALLS = {
    "build": lambda m, _: m.build((None, 4)),
    "build_from_config": lambda m, _: m.build_from_config({"input_shape": (None, 4)}),
    "call": lambda m, _: m.call(keras.ops.convert_to_tensor(x)),
    "compute_loss": lambda m, _: m.compute_loss(
        *map(keras.ops.convert_to_tensor, (x, y)), m(x)
    ),
    "compute_mask": lambda m, _: m.compute_mask(x, None),
    "compute_metrics": lambda m, _: m.compute_metrics(x, y, m(x)),
    "compute_output_shape": lambda m, _: m.compute_output_shape((None, 4)),
    "compute_output_spec": lambda m, _: m.compute_output_spec(keras.Input((4,))).shape,
    "count_params": lambda m, _: m.count_params(),
    "evaluate": lambda m, _: m.evaluate(x, y, verbose=0),
    "fit": lambda m, _: logs(m.fit(x, y, shuffle=False, verbose=0).history),
    "from_config": lambda m, _: len(type(m).from_config(m.get_config()).weights),
    "get_build_config": lambda m, _: m.get_build_config(),
    "get_compile_config": lambda m, _: sorted(m.get_compile_config()),
    "get_config": lambda m, _: m.get_config(),
    "get_layer": lambda m, _: m.get_layer("out").name,
    "get_metrics_result": lambda m, _: m.get_metrics_result(),
    "get_state_tree": lambda m, _: sorted(m.get_state_tree()),
    "get_weights": lambda m, _: m.get_weights(),
    "load_weights": lambda m, path: saved(
        m,
        f"{path}.weights.h5",
        lambda m, p: m.save_weights(p),
        lambda m, p: [m.load_weights(p), m][1],
    ),
    "make_predict_function": lambda m, _: callable(m.make_predict_function(True)),
    "make_test_function": lambda m, _: callable(m.make_test_function(True)),
    "make_train_function": lambda m, _: m.make_train_function(True),
    "predict": lambda m, _: m.predict(x, verbose=0),
    "predict_on_batch": lambda m, _: m.predict_on_batch(x),
    "quantize": quantized,
    "reset_metrics": lambda m, _: m.reset_metrics(),
    "save": lambda m, path: saved(
        m,
        f"{path}.keras",
        lambda m, p: m.save(p),
        lambda m, p: keras.models.load_model(p),
    ),
    "set_state_tree": lambda m, _: m.set_state_tree(m.get_state_tree()),
    "set_weights": lambda m, _: m.set_weights(m.get_weights()),
    "stateless_call": lambda m, _: m.stateless_call(
        [v.value for v in m.trainable_variables],
        [v.value for v in m.non_trainable_variables],
        keras.ops.convert_to_tensor(x),
    )[0],
    "summary": lambda m, _: lines(m),
    "symbolic_call": lambda m, _: m.symbolic_call(keras.Input((4,))).shape,
    "test_on_batch": lambda m, _: m.test_on_batch(x, y),
    "to_json": lambda m, _: len(keras.models.model_from_json(m.to_json()).weights),
    "train_on_batch": lambda m, _: m.train_on_batch(x, y),
}
if BACKEND == "tensorflow":
    CALLS["export"] = exported
# Read, not called.
PROPERTIES = {
    "compute_dtype",
    "dtype",
    "input_dtype",
    "jit_compile",
    "losses",
    "metrics_names",
    "path",
    "quantization_mode",
    "run_eagerly",
    "supports_masking",
    "trainable",
    "variable_dtype",
}
# Used by those above, for authors of layers, of one backend, or of Keras 2.
OTHERS = {
    *(
        "add_loss",
        "add_metric",
        "add_variable",
        "add_weight",
        "compile",
        "compile_from_config",
    ),
    *("compiled_loss", "compiled_metrics", "compute_loss_and_updates"),
    *("distribute_reduction_method", "distribute_strategy", "dtype_policy", "export"),
    *("forward", "get_quantization_layer_structure", "input", "input_spec"),
    *("jax_state_sync", "layers", "load_own_variables", "loss", "metrics"),
    *("metrics_variables", "named_parameters", "non_trainable_variables"),
    *("non_trainable_weights", "output", "predict_step", "quantized_build"),
    *("quantized_call", "rematerialized_call", "save_own_variables", "save_weights"),
    *("stateless_compute_loss", "test_step", "torch_params", "train_step"),
    # Of the nightly build.
    *("lora_enabled", "quantization_summary", "state_sync"),
    "variable_serialization_spec",
    *("trainable_variables", "trainable_weights", "variables", "weights"),
}


def names_of(cls):
    """The public names that Keras, and no backend, gives a class."""
    bases = (base for base in cls.__mro__ if base.__module__.startswith("keras."))
    return {name for base in bases for name in vars(base) if name[0] != "_"}


def test_no_method_of_keras_was_overlooked():
    # Red when Keras adds one: then try it here.
    assert names_of(keras.Model) <= {*CALLS, *PROPERTIES, *OTHERS}


def comparable(value):
    """Without what differs between any two models."""
    if isinstance(value, dict):
        names = {"class_name", "module", "registered_name"}
        return {k: comparable(v) for k, v in value.items() if k not in names}
    if isinstance(value, list | tuple):
        return [comparable(v) for v in value]
    return value


def assert_equal(ours, plain):
    assert isinstance(ours, type(plain))
    for a, b in zip(
        keras.tree.flatten(comparable(ours)), keras.tree.flatten(comparable(plain))
    ):
        if isinstance(a, float | np.generic | np.ndarray) or keras.ops.is_tensor(a):
            first, second = map(keras.ops.convert_to_numpy, (a, b))
            np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
        else:
            assert a == b


@pytest.mark.parametrize("name", sorted(CALLS))
def test_it_does_as_that_of_keras_does(name, tmp_path):
    if name not in names_of(keras.Model):
        pytest.skip("not in this Keras")
    results = []
    for i, cls in enumerate((keras.Model, ClippedModel)):
        model = model_of(cls)
        results.append(CALLS[name](model, str(tmp_path / f"of{i}")))
        # It still trains, and clips.
        if name != "quantize":
            model.fit(x, y, batch_size=8, shuffle=False, verbose=0)
            assert len(model.optimizer.clip_history()["step"]) >= 4
    plain, ours = results
    assert_equal(ours, plain)


def test_its_properties_are_those_of_keras():
    plain, ours = model_of(keras.Model), model_of(ClippedModel)
    for name in sorted(PROPERTIES & names_of(keras.Model)):
        assert getattr(ours, name) == getattr(plain, name), name
