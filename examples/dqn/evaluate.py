"""How good the greedy policy is, on environments of its own."""

import numpy as np

from examples.dqn.envs.making import make_env
from examples.dqn.errors import environment_error
from examples.dqn.evaluate_frames import evaluate_frames
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
    stack = policy.frame_stack
    try:
        if stack is None:
            return _evaluate(policy, env_id, episodes, seed)
        return evaluate_frames(policy, stack, env_id, episodes, seed, MAX_STEPS)
    except Exception as error:
        raise environment_error(env_id, "in a greedy episode", error) from error


def _evaluate(policy: Policy, env_id: str, episodes: int, seed: int) -> np.ndarray:
    envs = [make_env(env_id) for _ in range(episodes)]
    first_action = envs[0].action_space.start
    returns = np.zeros(episodes)
    observations = {
        index: env.reset(seed=seed + index)[0] for index, env in enumerate(envs)
    }
    for _ in range(MAX_STEPS):
        actions = policy.greedy(np.stack(list(observations.values())))
        for index, action in zip(list(observations), actions + first_action):
            observation, reward, terminated, truncated, _ = envs[index].step(action)
            returns[index] += reward
            observations[index] = observation
            if terminated or truncated:
                del observations[index]
        if not observations:
            break
    for env in envs:
        env.close()
    return returns
