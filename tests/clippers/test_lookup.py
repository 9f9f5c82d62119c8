"""`clippers.get`: what a user may pass as a clipper."""

import keras
import pytest

from keras_gradclip import AGC, AutoClip, Chain, ClipByNorm, clippers
from keras_gradclip.clippers import rules

SNAKE_CASE = {
    "AutoClip": "auto_clip",
    "AGC": "agc",
    "ClipByNorm": "clip_by_norm",
    "ClipByValue": "clip_by_value",
    "QuantileClip": "quantile_clip",
}


@pytest.mark.parametrize("name", [n for n in rules.__all__ if n != "Chain"])
def test_name_gives_the_rule_with_its_defaults(name):
    cls = getattr(rules, name)
    for written in (name, name.lower(), SNAKE_CASE.get(name, name.lower())):
        clipper = clippers.get(written)
        assert type(clipper) is cls
        assert clipper.get_config() == cls().get_config()


def test_each_name_gives_a_new_clipper():
    assert clippers.get("autoclip") is not clippers.get("autoclip")


def test_clipper_and_none_pass_through():
    clipper = AutoClip(20)
    assert clippers.get(clipper) is clipper
    assert clippers.get(None) is None


@pytest.mark.parametrize(
    "clipper", [AutoClip(20, window=3), Chain([AGC(), ClipByNorm(1.0)])]
)
def test_config_gives_the_clipper(clipper):
    config = keras.saving.serialize_keras_object(clipper)
    again = clippers.get(config)
    assert type(again) is type(clipper)
    assert again.get_config() == clipper.get_config()


@pytest.mark.parametrize(
    "value",
    [
        "chain",
        "auto clip",
        "momentum",
        "",
        1.0,
        AutoClip,
        [AutoClip()],
        keras.saving.serialize_keras_object(keras.optimizers.SGD()),
    ],
)
def test_anything_else_is_an_error_that_names_the_choices(value):
    with pytest.raises(ValueError, match=r"`clipper` must be .*'autoclip'.*Received"):
        clippers.get(value)
