"""Adam with the rule that is named, and what its clipper did in numbers."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)

import keras_gradclip
from examples.dqn.errors import ConfigError
from examples.dqn.optimizer import clip_history, make_clipper, make_optimizer
from examples.dqn.settings.config import Config
from examples.dqn.settings.rules import rule_names

# Each number other than its default, and none of them alike.
NUMBERS = dict(clip_percentile=70.0, clip_window=7, clip_max_norm=5.0, clip_value=0.3)


def optimizer_of(updates=10, **settings):
    config = Config(**settings)
    return make_optimizer(config, config, updates)


@pytest.mark.parametrize("name", rule_names())
def test_each_name_makes_its_rule_with_its_numbers_alone(name):
    clipper = make_clipper(Config(clipper=name, **NUMBERS))
    assert type(clipper).__name__.lower() == name.replace("_", "")
    numbers = {
        "autoclip": {"percentile": 70.0, "window": 7},
        "clip_by_norm": {"max_norm": 5.0},
        "clip_by_value": {"value": 0.3},
    }
    # All others are the package's own.
    expected = type(clipper)(**numbers.get(name, {}))
    assert clipper.get_config() == expected.get_config()


def test_no_rule():
    assert make_clipper(Config(clipper="none", **NUMBERS)) is None
    assert optimizer_of(clipper="none").clipper is None


def test_scope_is_that_of_the_settings_or_of_the_rule():
    assert make_clipper(Config(clipper="clip_by_norm")).scope == "global"
    for name, scope in (("autoclip", "layer"), ("agc", "variable"), ("agc", "unit")):
        assert make_clipper(Config(clipper=name, clip_scope=scope)).scope == scope


def test_scope_that_a_rule_does_not_know_is_told_in_one_line():
    with pytest.raises(ConfigError, match=r"scope.*Received: .*unit") as error:
        make_clipper(Config(clipper="autoclip", clip_scope="unit"))
    assert "\n" not in str(error.value)


def test_adam_has_the_numbers_of_the_settings():
    optimizer = optimizer_of(adam_epsilon=0.125, clipper="clip_by_value")
    assert isinstance(optimizer, keras_gradclip.optimizers.Adam)
    assert optimizer.epsilon == 0.125
    assert isinstance(optimizer.clipper, keras_gradclip.ClipByValue)


@pytest.mark.parametrize(
    ("settings", "formula"),
    [
        ({}, lambda share: 1e-2 + (2e-3 - 1e-2) * share),
        (
            {"learning_rate_schedule": "cosine"},
            lambda share: 2e-3 + (1e-2 - 2e-3) * (1 + np.cos(np.pi * share)) / 2,
        ),
        ({"learning_rate_schedule": "constant"}, lambda share: 1e-2 + 0 * share),
        ({"learning_rate_end": 1e-2}, lambda share: 1e-2 + 0 * share),
        ({"learning_rate_end": 0.0}, lambda share: 1e-2 * (1 - share)),
    ],
    ids=str,
)
def test_learning_rate_goes_its_way_in_so_many_updates(settings, formula):
    ends = {"learning_rate": 1e-2, "learning_rate_end": 2e-3}
    optimizer = optimizer_of(updates=40, **ends | settings)
    found = []
    for update in range(0, 61, 5):
        optimizer.iterations.assign(update)
        found.append(float(optimizer.learning_rate))
    # And stays there.
    shares = np.minimum(np.arange(0, 61, 5) / 40, 1)
    np.testing.assert_allclose(found, formula(shares), rtol=1e-5, atol=1e-9)


def applied(optimizer, norms):
    """An optimizer after updates whose gradients have these norms, by variable."""
    variables = [keras.Variable(np.ones(4, np.float32)) for _ in norms[0]]
    optimizer.build(variables)
    for row in norms:
        # Four entries of the half.
        gradients = [keras.ops.full((4,), norm / 2) for norm in row]
        optimizer.apply(gradients, variables)
    return optimizer


def test_clip_history_is_the_median_and_the_share_over_groups():
    norms = [[1.0, 10.0, 100.0], [1.0, 2.0, 3.0], [60.0, 7.0, 80.0]]
    optimizer = optimizer_of(
        clipper="clip_by_norm", clip_max_norm=5.0, clip_scope="variable"
    )
    found = clip_history(applied(optimizer, norms), since=0)
    np.testing.assert_allclose(found["norm"], [10.0, 2.0, 60.0], rtol=1e-5)
    np.testing.assert_allclose(found["threshold"], [5.0, 5.0, 5.0], rtol=1e-5)
    np.testing.assert_allclose(found["clipped"], [2 / 3, 0.0, 1.0])
    later = clip_history(optimizer, since=2)
    assert {name: values.shape for name, values in later.items()} == {
        "norm": (1,),
        "threshold": (1,),
        "clipped": (1,),
    }
    np.testing.assert_allclose(later["norm"], [60.0], rtol=1e-5)


def test_without_a_clipper_there_is_no_history():
    assert clip_history(applied(optimizer_of(clipper="none"), [[1.0]]), 0) == {}
    assert clip_history(SimpleNamespace(), 0) == {}
