"""How good the greedy policy is, on environments of its own."""

from collections.abc import Callable, Sequence

import gymnasium
import numpy as np

from examples.dqn.envs.atari import is_atari
from examples.dqn.envs.environments import Environments
from examples.dqn.envs.making import (
    Played,
    loop_environments,
    make_env,
    make_environments,
    settings_of,
)
from examples.dqn.errors import Stopped, environment_error
from examples.dqn.networks.policy import Policy

# Far beyond any time limit in Gymnasium; an environment without one would
# otherwise keep a good policy here for ever.
MAX_STEPS = 100_000

Tick = Callable[[int, int], None]
"""Called after each step of all, with the steps so far and the episodes that go on.
It may raise `Stopped`."""


def no_tick(step: int, playing: int) -> None:
    """Nobody waits."""


def evaluate(
    policy: Policy,
    played: Played,
    episodes: int,
    seed: int,
    tick: Tick = no_tick,
    envs: str = "each",
    env: gymnasium.Env | None = None,
) -> np.ndarray:
    """Plays episodes side by side, without exploration.

    Each episode has its own environment, so that short episodes cannot crowd
    out long ones, as they do where the first `episodes` to finish are counted.

    Args:
        policy: What to play with.
        played: What to play.
        episodes: How many times.
        seed: Episode `i` starts from `seed + i`.
        tick: Called after each step of all; it may raise `Stopped`.
        envs: "each" plays side by side; otherwise one environment plays all
            episodes, one after the other.
        env: That environment, which is left open. None makes one.

    Returns:
        Undiscounted return of each episode, shape `(episodes,)`.

    Raises:
        RunError: If an environment fails.
        Stopped: If `tick` does.
    """
    settings = settings_of(played)
    try:
        if envs != "each":
            return _play_one_by_one(policy, settings, episodes, seed, tick, env)
        if policy.frame_stack is not None:
            return play_images(policy, settings, episodes, seed, tick=tick)
        made = [make_env(settings) for _ in range(episodes)]
        try:
            return play_each(policy, made, seed, tick=tick)
        finally:
            for one in made:
                one.close()
    except Stopped:
        raise
    except Exception as error:
        where = "in a greedy episode"
        raise environment_error(settings.env_id, where, error) from error


def _play_one_by_one(
    policy: Policy,
    played: Played,
    episodes: int,
    seed: int,
    tick: Tick,
    env: gymnasium.Env | None,
) -> np.ndarray:
    """As `evaluate`, on one environment."""
    made = make_env(played) if env is None else env

    def alone(index: int) -> Tick:
        # Those that have not begun go on as well.
        return lambda step, playing: tick(step, playing + episodes - 1 - index)

    try:
        if policy.frame_stack is None:
            parts = [
                play_each(policy, [made], seed + index, tick=alone(index))
                for index in range(episodes)
            ]
        else:
            # Atari games have a form of their own, and are made for each.
            parts = [
                play_images(
                    policy,
                    played,
                    1,
                    seed + index,
                    tick=alone(index),
                    env=made,
                )
                for index in range(episodes)
            ]
    finally:
        if env is None:
            made.close()
    return np.concatenate(parts)


def play_each(
    policy: Policy,
    envs: Sequence[gymnasium.Env],
    seed: int,
    watch: Callable[[], None] = lambda: None,
    tick: Tick = no_tick,
) -> np.ndarray:
    """Plays one episode of each environment, without exploration.

    Args:
        policy: What to play with.
        envs: What to play; they are not closed.
        seed: Episode `i` starts from `seed + i`.
        watch: Called after the resets and after each step of all.
        tick: As for `evaluate`.

    Returns:
        Undiscounted return of each episode, shape `(episodes,)`.
    """
    first_action = int(envs[0].action_space.start)
    returns = np.zeros(len(envs))
    observations = {
        index: env.reset(seed=seed + index)[0] for index, env in enumerate(envs)
    }
    watch()
    for step in range(MAX_STEPS):
        actions = policy.greedy(np.stack(list(observations.values()))).tolist()
        for index, action in zip(list(observations), actions):
            observation, reward, terminated, truncated, _ = envs[index].step(
                action + first_action
            )
            returns[index] += reward
            observations[index] = observation
            if terminated or truncated:
                del observations[index]
        watch()
        if not observations:
            break
        tick(step + 1, len(observations))
    return returns


def play_images(
    policy: Policy,
    played: Played,
    episodes: int,
    seed: int,
    watch: Callable[[np.ndarray], None] = lambda _: None,
    tick: Tick = no_tick,
    env: gymnasium.Env | None = None,
) -> np.ndarray:
    """As `evaluate`, for a policy that sees stacks of images.

    Args:
        policy: What to play with.
        played: What to play.
        episodes: How many times.
        seed: Episode `i` starts from `seed + i`.
        watch: Called with the newest image of the first environment, until its
            episode ends.
        tick: As for `evaluate`.
        env: What to play the only episode on; it is not closed. None makes them.
    """
    stack = policy.frame_stack
    if stack is None:
        raise TypeError("play_images must have a policy that sees images.")
    if env is None or is_atari(settings_of(played).env_id):
        envs = make_environments(played, episodes, seed, stack)
    else:
        envs = loop_environments([lambda: env], seed, stack)
    try:
        return _play_together(policy, envs, watch, tick)
    finally:
        if env is None:
            envs.close()


def _play_together(
    policy: Policy,
    envs: Environments,
    watch: Callable[[np.ndarray], None],
    tick: Tick,
) -> np.ndarray:
    """The return of the first episode of each environment."""
    episodes = len(envs.observations)
    returns = np.zeros(episodes)
    playing = np.ones(episodes, bool)
    watch(envs.observations[0, -1])
    for step in range(MAX_STEPS):
        # Those that have finished are stepped along, but not thought about.
        actions = np.zeros(episodes, int)
        actions[playing] = policy.greedy(envs.observations[playing])
        steps = envs.step(actions)
        numbers = steps.environments
        if playing[0]:
            watch(steps.next_observations[0])
        returns[numbers] += np.where(playing[numbers], steps.rewards, 0.0)
        playing[numbers] &= ~steps.ended
        if not playing.any():
            break
        tick(step + 1, int(playing.sum()))
    return returns
