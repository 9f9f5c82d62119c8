"""The greedy policy's returns where observations are stacks of images."""

from collections.abc import Callable

import numpy as np

from examples.dqn.envs.making import make_environments
from examples.dqn.networks.policy import Policy
from examples.dqn.settings.config import Config


def evaluate_frames(
    policy: Policy,
    frame_stack: int,
    env_id: str,
    episodes: int,
    seed: int,
    max_steps: int,
    watch: Callable[[np.ndarray], None] = lambda _: None,
) -> np.ndarray:
    """Plays the first episode of each of as many environments.

    Args:
        policy: What to play with.
        frame_stack: Images that it sees at once.
        env_id: What to play.
        episodes: How many times.
        seed: Episode `i` starts from `seed + i`.
        max_steps: Where an endless episode is cut.
        watch: Called with the newest image of the first environment, until its
            episode ends.

    Returns:
        Undiscounted return of each episode, shape `(episodes,)`.
    """
    config = Config(env_id=env_id, num_envs=episodes, frame_stack=frame_stack)
    envs = make_environments(config, seed)
    returns = np.zeros(episodes)
    playing = np.ones(episodes, bool)
    watch(envs.observations[0, -1])
    for _ in range(max_steps):
        # Those that have finished are stepped along, but not thought about.
        actions = np.zeros(episodes, int)
        actions[playing] = policy.greedy(envs.observations[playing])
        steps = envs.step(actions)
        numbers = steps.environments
        if playing[0]:
            watch(steps.next_observations[0])
        returns[numbers] += np.where(playing[numbers], steps.rewards, 0.0)
        playing[numbers] &= ~(steps.terminated | steps.truncated)
        if not playing.any():
            break
    envs.close()
    return returns
