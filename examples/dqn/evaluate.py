"""How good the greedy policy is, on environments of its own."""

from collections.abc import Callable, Sequence

import gymnasium
import numpy as np

from examples.dqn.envs.environments import Environments
from examples.dqn.envs.making import make_env, make_environments
from examples.dqn.errors import environment_error
from examples.dqn.networks.policy import Policy

# Far beyond any time limit in Gymnasium; an environment without one would
# otherwise keep a good policy here for ever.
MAX_STEPS = 100_000


def evaluate(policy: Policy, env_id: str, episodes: int, seed: int) -> np.ndarray:
    """Plays episodes side by side, without exploration.

    Each episode has its own environment, so that short episodes cannot crowd
    out long ones, as they do where the first `episodes` to finish are counted.

    Args:
        policy: What to play with.
        env_id: What to play.
        episodes: How many times.
        seed: Episode `i` starts from `seed + i`.

    Returns:
        Undiscounted return of each episode, shape `(episodes,)`.

    Raises:
        RunError: If an environment fails.
    """
    try:
        if policy.frame_stack is not None:
            return play_images(policy, env_id, episodes, seed)
        envs = [make_env(env_id) for _ in range(episodes)]
        returns = play_each(policy, envs, seed)
        for env in envs:
            env.close()
        return returns
    except Exception as error:
        raise environment_error(env_id, "in a greedy episode", error) from error


def play_each(
    policy: Policy,
    envs: Sequence[gymnasium.Env],
    seed: int,
    watch: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Plays one episode of each environment, without exploration.

    Args:
        policy: What to play with.
        envs: What to play; they are not closed.
        seed: Episode `i` starts from `seed + i`.
        watch: Called after the resets and after each step of all.

    Returns:
        Undiscounted return of each episode, shape `(episodes,)`.
    """
    first_action = envs[0].action_space.start
    returns = np.zeros(len(envs))
    observations = {
        index: env.reset(seed=seed + index)[0] for index, env in enumerate(envs)
    }
    watch()
    for _ in range(MAX_STEPS):
        actions = policy.greedy(np.stack(list(observations.values())))
        for index, action in zip(list(observations), actions + first_action):
            observation, reward, terminated, truncated, _ = envs[index].step(action)
            returns[index] += float(reward)
            observations[index] = observation
            if terminated or truncated:
                del observations[index]
        watch()
        if not observations:
            break
    return returns


def play_images(
    policy: Policy,
    env_id: str,
    episodes: int,
    seed: int,
    watch: Callable[[np.ndarray], None] = lambda _: None,
) -> np.ndarray:
    """As `evaluate`, for a policy that sees stacks of images.

    Args:
        policy: What to play with.
        env_id: What to play.
        episodes: How many times.
        seed: Episode `i` starts from `seed + i`.
        watch: Called with the newest image of the first environment, until its
            episode ends.
    """
    stack = policy.frame_stack
    if stack is None:
        raise TypeError("play_images must have a policy that sees images.")
    envs: Environments = make_environments(env_id, episodes, seed, stack)
    returns = np.zeros(episodes)
    playing = np.ones(episodes, bool)
    watch(envs.observations[0, -1])
    for _ in range(MAX_STEPS):
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
    envs.close()
    return returns
