"""Numbers that are changed while an optimizer trains, on every backend alike."""

import copy
import pickle

import keras
import numpy as np
import pytest
from helpers.training import (
    BACKEND,
    RUN_MODES,
    assert_same,
    data,
    fit,
    mlp,
    state,
    weights,
)
from rules import RULES

from keras_gradclip import AGC, AutoClip, Chain, ClipByNorm, EMAClip, ZClip, optimizers

modes = pytest.mark.parametrize("mode", RUN_MODES)


def links_of(clipper):
    return getattr(clipper, "clippers", [clipper])


def numbers_of(row):
    """Returns the position, name and new value of each number of a rule."""
    tight, every = row.make("tight"), row.make("every")
    if isinstance(tight, Chain):
        every = tight
    return [
        (i, number.name, getattr(other, number.name))
        for i, (link, other) in enumerate(zip(links_of(tight), links_of(every)))
        for numbers in link.numbers().values()
        for number in numbers._numbers
        if getattr(other, number.name) is not None
    ]


def trained(clipper, **arguments):
    model = mlp()
    fit(model, optimizers.SGD(1e-3, clipper=clipper), epochs=1, **arguments)
    return model


def go_on(model):
    x, y = data()
    model.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    return weights(model) + state(model.optimizer)


def in_place(clipper, position):
    return links_of(clipper)[position]


@pytest.mark.parametrize("rule", RULES)
def test_each_number_of_each_rule_takes_effect_as_if_made_with_it(rule):
    row = RULES[rule]
    for position, name, value in numbers_of(row):
        changed = trained(row.make("tight"), **RUN_MODES[next(reversed(RUN_MODES))])
        before = weights(changed) + state(changed.optimizer)
        setattr(in_place(changed.optimizer.clipper, position), name, value)
        assert getattr(in_place(changed.optimizer.clipper, position), name) == value

        made = row.make("tight")
        link = in_place(made, position)
        vars(link).update({name: value})
        link.__post_init__()
        expected = trained(made, **RUN_MODES[next(reversed(RUN_MODES))])
        for variable, array in zip(
            [*expected.weights, *expected.optimizer.variables], before
        ):
            variable.assign(array)
        rows = set(made.numbers())
        clip_state = expected.optimizer.clip_state
        for key in rows:
            variable = clip_state.variables[key]
            variable.assign(np.zeros(variable.shape))
        go_on(changed), go_on(expected)
        ours, theirs = (m.optimizer.clip_history(since=8) for m in (changed, expected))
        for key in ("norm", "threshold", "scale"):
            np.testing.assert_allclose(ours[key], theirs[key], rtol=2e-5, err_msg=name)


@modes
def test_a_callback_changes_a_number_without_a_new_trace(mode):
    traces = []

    class Counting(ClipByNorm):
        def decide(self, measured, state):
            traces.append(mode)
            return super().decide(measured, state)

    class Change(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.clipper.max_norm = 10.0 ** -(epoch + 1)

    model = mlp()
    optimizer = optimizers.SGD(1e-6, clipper=Counting(5.0))
    fit(model, optimizer, 1, **RUN_MODES[mode])
    made = len(traces)
    x, y = data()
    fit_arguments = {"batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(x, y, epochs=3, callbacks=[Change()], **fit_arguments)
    thresholds = optimizer.clip_history()["threshold"][:, 0]
    expected = np.repeat([5.0, 0.1, 0.01, 0.001], 8)
    np.testing.assert_allclose(thresholds, expected, rtol=1e-6)
    if mode == "xla" or (mode == "graph" and BACKEND == "tensorflow"):
        assert len(traces) == made


def test_what_is_read_is_what_was_set_to_the_last_digit():
    optimizer = trained(EMAClip()).optimizer
    clipper = optimizer.clipper
    for value in (0.1, 1 / 3, 0.0, 0.999999999):
        clipper.trigger_decay = value
        assert clipper.trigger_decay == value
    assert "trigger_decay=0.999999999" in repr(clipper)
    clipper = trained(ZClip(warmup_steps=3)).optimizer.clipper
    clipper.warmup_steps = 7
    assert clipper.warmup_steps == 7
    assert isinstance(clipper.warmup_steps, int)
    clipper = trained(ClipByNorm(1.0)).optimizer.clipper
    clipper.max_norm = float("inf")
    assert clipper.max_norm == float("inf")


def test_the_clipper_that_was_given_stays_as_it_was():
    clipper = AutoClip(30)
    first = trained(clipper).optimizer
    first.clipper.percentile = 60
    assert clipper.percentile == 30
    second = trained(clipper).optimizer
    assert second.clipper.percentile == 30
    assert first.clipper.percentile == 60


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_a_copy_has_the_numbers_of_now_and_is_not_in_use(again):
    optimizer = trained(Chain([AutoClip(30), ClipByNorm(2.0)])).optimizer
    optimizer.clipper.clippers[1].max_norm = 0.5
    copied = again(optimizer.clipper)
    assert copied.clippers[1].max_norm == 0.5
    with pytest.raises(AttributeError, match="cannot be changed"):
        copied.clippers[1].max_norm = 3.0
    assert trained(copied).optimizer.clip_history()["threshold"][:, 1].max() <= 0.5


@pytest.mark.parametrize("way", ["model", "weights"])
def test_a_changed_number_is_saved_and_training_goes_on_with_it(way, tmp_path):
    model = trained(AutoClip(30))
    model.optimizer.clipper.percentile = 70.1
    if way == "model":
        model.save(tmp_path / "m.keras")
        loaded = keras.models.load_model(tmp_path / "m.keras")
    else:
        model.save_weights(tmp_path / "m.weights.h5")
        loaded = trained(AutoClip(30))
        loaded.load_weights(tmp_path / "m.weights.h5")
    assert loaded.optimizer.clipper.percentile == 70.1
    assert model.optimizer.get_config()["clipper"]["config"]["percentile"] == 70.1
    assert_same(go_on(model)[:4], go_on(loaded)[:4])
    thresholds = [m.optimizer.clip_history()["threshold"] for m in (model, loaded)]
    np.testing.assert_array_equal(*thresholds)


def test_weights_whose_numbers_were_never_changed_keep_those_of_the_code(tmp_path):
    trained(AutoClip(30)).save_weights(tmp_path / "m.weights.h5")
    resumed = trained(AutoClip(60))
    resumed.load_weights(tmp_path / "m.weights.h5")
    assert resumed.optimizer.clipper.percentile == 60


def test_what_cannot_take_effect_is_refused():
    schedule = keras.optimizers.schedules.PolynomialDecay(1.0, 4)
    with pytest.raises(
        AttributeError, match=r"`percentile` of AutoClip cannot.*a\s+built"
    ):
        AutoClip(30).percentile = 40
    clipper = trained(AutoClip(30, window=5)).optimizer.clipper
    for name, value in {"window": 6, "scope": "layer", "percentile": schedule}.items():
        with pytest.raises(AttributeError, match=f"`{name}` of AutoClip.*: percentile"):
            setattr(clipper, name, value)
    with pytest.raises(ValueError, match=r"`percentile` must be .*percentile=101"):
        clipper.percentile = 101
    assert clipper.percentile == 30
    scheduled = trained(ClipByNorm(schedule)).optimizer.clipper
    with pytest.raises(AttributeError, match=r"`max_norm` of ClipByNorm.*it has none"):
        scheduled.max_norm = 1.0


def test_zeros_in_place_of_numbers_are_those_it_was_made_with():
    optimizer = trained(AGC(0.2)).optimizer
    optimizer.clipper.clip_factor = 0.4
    row = optimizer.clip_state.variables["numbers"]
    row.assign(np.zeros(row.shape))
    assert optimizer.clipper.clip_factor == 0.2
