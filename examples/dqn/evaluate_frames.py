"""The greedy policy's returns where observations are stacks of images."""

import numpy as np

from examples.dqn.agent import Policy
from examples.dqn.config import Config
from examples.dqn.envs import make_environments


def evaluate_frames(
    policy: Policy,
    frame_stack: int,
    env_id: str,
    episodes: int,
    seed: int,
    max_steps: int,
) -> np.ndarray:
    """Plays the first episode of each of as many environments.

    Args:
        policy: What to play with.
        frame_stack: Images that it sees at once.
        env_id: What to play.
        episodes: How many times.
        seed: Episode `i` starts from `seed + i`.
        max_steps: Where an endless episode is cut.

    Returns:
        Undiscounted return of each episode, shape `(episodes,)`.
    """
    config = Config(env_id=env_id, num_envs=episodes, frame_stack=frame_stack)
    envs = make_environments(config, seed)
    returns = np.zeros(episodes)
    playing = np.ones(episodes, bool)
    for _ in range(max_steps):
        # Those that have finished are stepped along, but not thought about.
        actions = np.zeros(episodes, int)
        actions[playing] = policy.greedy(envs.observations[playing])
        steps = envs.step(actions)
        numbers = steps.environments
        returns[numbers] += np.where(playing[numbers], steps.rewards, 0.0)
        playing[numbers] &= ~(steps.terminated | steps.truncated)
        if not playing.any():
            break
    envs.close()
    return returns
