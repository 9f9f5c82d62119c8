"""The names that `--clipper` takes are those of the package, and all of them."""

import inspect

import keras_gradclip
from examples.dqn.settings.rules import rule_names


def test_every_exported_rule_that_a_name_can_make():
    exported = {
        name
        for name in dir(keras_gradclip)
        if inspect.isclass(rule := getattr(keras_gradclip, name))
        and issubclass(rule, keras_gradclip.Clipper)
        and not inspect.isabstract(rule)
        and rule is not keras_gradclip.Chain  # needs a list of others
    }
    exported -= {"Clipper"}
    names = rule_names()
    assert {name.replace("_", "") for name in names} == {n.lower() for n in exported}
    assert {"autoclip", "clip_by_norm", "quantile_clip"} <= {*names}
    assert len(names) == len(exported)
