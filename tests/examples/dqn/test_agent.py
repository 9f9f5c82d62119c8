"""Targets, loss, target network and the fused update."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the DQN example runs on TensorFlow", allow_module_level=True)

import tensorflow as tf

from examples.dqn.agent import Agent
from examples.dqn.errors import ConfigError
from examples.dqn.networks.numpy_policy import NumpyPolicy
from examples.dqn.replay.transitions import Transitions
from examples.dqn.settings.config import Config
from examples.dqn.settings.rules import rule_names


def make_agent(strategy=None, **settings):
    defaults = dict(
        hidden_sizes=(16, 16),
        batch_size=8,
        updates_per_train=6,
        target_period=6,
        # The quickest to compile.
        clipper="clip_by_norm",
        xla=False,
    )
    config = Config(**defaults | settings)
    return Agent((4,), 2, config, strategy or tf.distribute.get_strategy())


def make_batches(updates=6, batch_size=8, seed=0):
    generator = np.random.default_rng(seed)
    shape = (updates, batch_size)
    return Transitions(
        observations=generator.normal(size=(*shape, 4)).astype(np.float32),
        actions=generator.integers(2, size=shape).astype(np.int32),
        rewards=generator.normal(size=shape).astype(np.float32),
        discounts=generator.choice([0, 0.99], size=shape).astype(np.float32),
        next_observations=generator.normal(size=(*shape, 4)).astype(np.float32),
    )


def flat(network):
    return np.concatenate([weight.ravel() for weight in network.get_weights()])


@pytest.mark.parametrize(
    "settings",
    [
        dict(target_period=12, double=False),
        dict(target_period=4, xla=True),
        dict(target_period=1, target_rate=0.1, double=False),
        dict(target_period=6, clipper="autoclip", xla=True),
        dict(target_period=6, noisy=True, dueling=True),
        dict(target_period=6, distributional=True, quantiles=4, layer_norm=True),
        dict(target_period=6, advantage_learning=0.5),
        dict(target_period=3, advantage_learning=0.5, distributional=True, quantiles=4),
    ],
    ids=str,
)
def test_fused_updates_equal_single_updates(settings):
    batches = make_batches()
    fused, single = make_agent(**settings), make_agent(**settings)
    before = flat(fused.online)
    found = fused.update(batches)
    one_by_one = [
        single.update(Transitions(*(field[index : index + 1] for field in batches)))
        for index in range(6)
    ]
    for part, parts in zip(found, zip(*one_by_one)):
        np.testing.assert_allclose(part, np.concatenate(parts), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(flat(fused.online), flat(single.online), atol=1e-5)
    np.testing.assert_allclose(flat(fused.target), flat(single.target), atol=1e-5)
    assert np.abs(flat(fused.online) - before).max() > 1e-3
    assert fused.updates == single.updates == 6


@pytest.fixture
def eager():
    """Compiling each of many small agents would take a minute."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def first_targets(agent, batch, double):
    """Targets of the first update, in NumPy."""
    online, target = NumpyPolicy(agent.online), NumpyPolicy(agent.target)
    best = (online if double else target).greedy(batch.next_observations)
    next_values = target.q_values(batch.next_observations)
    return batch.rewards + batch.discounts * next_values[np.arange(8), best]


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("loss", ["huber", "mse"])
@pytest.mark.parametrize("form", [{}, {"dueling": True}, {"layer_norm": True}])
def test_first_loss_against_numpy(double, loss, form, eager):
    agent, batches = make_agent(double=double, loss=loss, **form), make_batches()
    # Networks that differ, so that it matters who selects.
    generator = np.random.default_rng(5)
    agent.target.set_weights(
        [
            w + (w.ndim == 2) * generator.normal(size=w.shape)
            for w in agent.target.get_weights()
        ]
    )
    batch = Transitions(*(2 * field[0] for field in batches))
    batch = batch._replace(actions=batches.actions[0], discounts=batches.discounts[0])
    values = NumpyPolicy(agent.online).q_values(batch.observations)
    targets = first_targets(agent, batch, double)
    other_targets = first_targets(agent, batch, not double)
    assert np.abs(targets - other_targets).max() > 0.01
    errors = targets - values[np.arange(8), batch.actions]
    assert np.abs(errors).max() > 1, "both parts of Huber's loss must be seen"
    losses = errors**2 / 2
    if loss == "huber":
        losses = np.where(abs(errors) < 1, losses, abs(errors) - 0.5)
    weights = np.linspace(0.1, 1, 8, dtype=np.float32)
    found = agent.update(Transitions(*(f[None] for f in batch)), weights[None])
    np.testing.assert_allclose(found.losses, [(weights * losses).mean()], rtol=1e-5)
    np.testing.assert_allclose(found.errors, [errors], rtol=1e-4, atol=1e-5)


def test_first_error_of_a_distribution_is_that_of_its_mean(eager):
    agent = make_agent(distributional=True, quantiles=5)
    batch = Transitions(*(field[:1] for field in make_batches()))
    single = Transitions(*(field[0] for field in batch))
    values = NumpyPolicy(agent.online).q_values(single.observations)
    targets = first_targets(agent, single, double=True)
    found = agent.update(batch)
    expected = targets - values[np.arange(8), single.actions]
    np.testing.assert_allclose(found.errors, [expected], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", [{}, {"distributional": True, "quantiles": 5}])
def test_advantage_learning_lowers_what_is_worse_alone(form, eager):
    batches = make_batches(updates=1)
    plain, apart = (
        make_agent(advantage_learning=share, **form) for share in (0.0, 0.5)
    )
    values = NumpyPolicy(plain.target).q_values(batches.observations[0])
    lost = values.max(axis=1) - values[np.arange(8), batches.actions[0]]
    assert (lost == 0).any()
    assert lost.max() > 0.01
    errors = plain.update(batches).errors - apart.update(batches).errors
    np.testing.assert_allclose(errors, [0.5 * lost], rtol=1e-3, atol=1e-5)


def test_loss_without_weight_teaches_nothing(eager):
    agent, batches = make_agent(), make_batches(updates=1)
    start = flat(agent.online)
    agent.update(batches, np.zeros((1, 8), np.float32))
    np.testing.assert_array_equal(flat(agent.online), start)


def test_noise_changes_with_every_update():
    batches = Transitions(*(np.repeat(f[:1], 6, axis=0) for f in make_batches()))
    # So small a step that only the noise can change the loss.
    quiet, noisy = (
        make_agent(learning_rate=1e-12, noisy=noisy).update(batches).losses
        for noisy in (False, True)
    )
    assert np.ptp(quiet) < 1e-6
    assert len(np.unique(noisy.round(5))) == 6


def test_target_starts_as_a_copy():
    agent = make_agent()
    np.testing.assert_array_equal(flat(agent.target), flat(agent.online))


def test_hard_update_copies_at_its_period_and_not_before():
    agent, batches = make_agent(target_period=12), make_batches()
    start = flat(agent.target)
    agent.update(batches)
    np.testing.assert_array_equal(flat(agent.target), start)
    assert np.abs(flat(agent.online) - start).max() > 0
    agent.update(batches)
    np.testing.assert_array_equal(flat(agent.target), flat(agent.online))


def test_soft_update_moves_by_its_rate():
    agent = make_agent(target_period=1, target_rate=0.25)
    start = flat(agent.target)
    agent.update(make_batches(updates=1))
    expected = 0.75 * start + 0.25 * flat(agent.online)
    np.testing.assert_allclose(flat(agent.target), expected, rtol=1e-6, atol=1e-7)
    assert np.abs(flat(agent.target) - start).max() > 1e-5


@pytest.mark.parametrize("clipper", ["none", *rule_names()])
def test_every_clipper_trains(clipper):
    agent = make_agent(clipper=clipper)
    losses = agent.update(make_batches()).losses
    clips = agent.clip_history(since=2)
    assert np.isfinite(losses).all()
    assert np.isfinite(flat(agent.online)).all()
    if clipper == "none":
        assert clips == {}
    else:
        assert clips.keys() == {"norm", "threshold", "clipped"}
        assert all(values.shape == (4,) for values in clips.values())
        assert (clips["norm"] > 0).all()


def test_clipper_with_a_scope_it_does_not_know():
    with pytest.raises(ConfigError, match=r"scope.*Received: .*unit"):
        make_agent(clipper="autoclip", clip_scope="unit")


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ("linear", [1.0, 2 / 3, 1 / 3, 0.0]),
        ("cosine", [1.0, 0.75, 0.25, 0.0]),
        ("constant", [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_learning_rate(schedule, shares, eager):
    agent = make_agent(
        learning_rate=1e-2,
        learning_rate_end=2e-3,
        learning_rate_schedule=schedule,
        total_steps=30,
        learning_starts=10,
        train_every=10,
    )
    # Blocks of 6 updates after steps 10, 20 and 30.
    rates = []
    for _ in range(4):
        rates.append(float(agent.optimizer.learning_rate))
        agent.update(make_batches())
    assert rates == pytest.approx([2e-3 + 8e-3 * share for share in shares])
