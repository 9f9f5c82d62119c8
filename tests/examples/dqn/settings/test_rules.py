"""The names that `--clipper` takes are those of the package, and all of them."""

from examples.dqn.settings.rules import rule_names
from keras_gradclip import clippers


def test_every_exported_rule_that_a_name_can_make():
    exported = {n for n in clippers.rules.__all__ if n != "Chain"}
    names = rule_names()
    assert {type(clippers.get(name)).__name__ for name in names} == exported
    assert len(names) == len(exported)
    assert {"autoclip", "clip_by_norm", "quantile_clip"} <= {*names}
