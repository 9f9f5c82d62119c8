"""What the agent gets is plain, whatever kinds an environment gives."""

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium import spaces  # noqa: E402
from helpers.dqn_own_envs import SOUND, Side, register_all  # noqa: E402

from examples.dqn.envs.making import make_env, make_environments  # noqa: E402
from examples.dqn.envs.plain_numbers import PlainNumbers  # noqa: E402
from examples.dqn.errors import ConfigError, Undeclared  # noqa: E402
from examples.dqn.settings.run import EnvironmentSettings  # noqa: E402

register_all()


@pytest.mark.parametrize("name", SOUND)
def test_observations_are_vectors_and_the_rest_plain(name):
    env = make_env(name)
    seen, _ = env.reset(seed=0)
    expected = np.array(SOUND[name][1], np.float32)
    np.testing.assert_array_equal(seen, expected, strict=True)
    assert env.observation_space.shape == expected.shape
    seen, reward, terminated, truncated, _ = env.step(np.int64(1))
    assert (seen.shape, seen.dtype) == (expected.shape, np.float32)
    assert [type(part) for part in (reward, terminated, truncated)] == [
        *(float, bool, bool)
    ]
    assert [type(action) for action in env.unwrapped.actions] == [int]


# Gymnasium spends a call on each reset.
@pytest.mark.parametrize(("vectorization", "calls"), [("loop", 5), ("sync", 6)])
def test_episodes_end_where_a_flag_of_any_kind_says_so(vectorization, calls):
    envs = make_environments("OwnFlags-v0", 2, 0, 4, vectorization)
    ended = [envs.step(np.ones(2, int)).terminated.sum() for _ in range(60)]
    assert sum(ended) == 2 * 60 / calls
    envs.close()


def test_flat_float32_costs_nothing():
    given = np.zeros(2, np.float32)
    env = PlainNumbers(Side(give=lambda side: given))
    assert env.reset()[0] is given
    assert env.observation_space is env.unwrapped.observation_space


@pytest.mark.parametrize(
    ("images", "shape", "expected"),
    [
        ("auto", (3, 8, 9), (8, 9, 3)),
        ("auto", (8, 9, 3), (8, 9, 3)),
        ("auto", (8, 9), (8, 9)),
        ("auto", (3, 8, 3), (3, 8, 3)),
        ("channels_last", (3, 8, 9), (3, 8, 9)),
        ("channels_first", (6, 8, 9), (8, 9, 6)),
        ("none", (3, 8, 9), (216,)),
        ("none", (8, 9), (72,)),
    ],
    ids=str,
)
def test_where_images_have_their_channels(images, shape, expected):
    picture = np.arange(np.prod(shape)).reshape(shape).astype(np.uint8)
    env = PlainNumbers(
        Side(spaces.Box(0, 255, shape, np.uint8), lambda _: picture), images
    )
    seen, _ = env.reset()
    assert seen.shape == env.observation_space.shape == expected
    assert seen.dtype == (np.float32 if images == "none" else np.uint8)
    if expected == shape or images == "none":
        np.testing.assert_array_equal(seen.ravel(), picture.ravel())
    else:
        np.testing.assert_array_equal(seen[..., 1], picture[1])


def test_image_has_no_place_for_a_mask():
    with pytest.raises(ConfigError, match=r"action_mask must be 'off' where"):
        PlainNumbers(Side(spaces.Box(0, 255, (8, 8), np.uint8)), masked=True)


@pytest.mark.parametrize(
    ("info", "told"),
    [
        ({}, "reset gave no action_mask in its info, as it did before"),
        ({"action_mask": [1, 0, 1]}, "action_mask of shape (3,), not (2,)"),
    ],
    ids=str,
)
def test_mask_that_is_none(info, told, monkeypatch):
    env = PlainNumbers(Side(), masked=True)
    monkeypatch.setattr(Side, "reset", lambda *_, **__: (np.zeros(2), info))
    with pytest.raises(Undeclared) as error:
        env.reset()
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("given", "expected"), [([0, 1], [0, 1]), ([0, 0], [1, 1]), ([True, True], [1, 1])]
)
def test_mask_is_the_end_of_the_observation(given, expected, monkeypatch):
    env = PlainNumbers(Side(), masked=True)
    info = {"action_mask": np.array(given)}
    monkeypatch.setattr(Side, "reset", lambda *_, **__: ([3.0, 4.0], info))
    seen, _ = env.reset()
    np.testing.assert_array_equal(seen, np.array([3, 4, *expected], np.float32))
    assert env.observation_space.shape == (4,)


def test_space_that_cannot_be_made_flat():
    with pytest.raises(TypeError, match="no vectors of Sequence"):
        PlainNumbers(Side(spaces.Sequence(spaces.Discrete(3))))


def test_arguments_limit_and_wrapper():
    settings = EnvironmentSettings(
        "OwnSized-v0",
        env_kwargs=("size=3", "name=some text"),
        max_episode_steps=4,
        wrapper="gymnasium.wrappers:TimeAwareObservation",
    )
    env = make_env(settings)
    assert env.reset(seed=0)[0].shape == (4,)
    assert (env.unwrapped.size, env.unwrapped.label) == (3, "some text")
    assert [env.step(0)[3] for _ in range(4)] == [False, False, False, True]
