"""One greedy episode from start to end, for those who watch."""

from collections.abc import Callable

import gymnasium

from examples.dqn.evaluate import MAX_STEPS
from examples.dqn.networks.policy import Policy


def play_episode(
    policy: Policy,
    env: gymnasium.Env,
    seed: int,
    watch: Callable[[], None] = lambda: None,
) -> float:
    """Plays one episode without exploration.

    Args:
        policy: What to play with.
        env: What to play; it is not closed.
        seed: Where the episode starts.
        watch: Called after the reset and after each step.

    Returns:
        The undiscounted return.
    """
    first_action = env.action_space.start
    observation, _ = env.reset(seed=seed)
    total = 0.0
    watch()
    for _ in range(MAX_STEPS):
        [action] = policy.greedy(observation[None])
        observation, reward, terminated, truncated, _ = env.step(action + first_action)
        total += float(reward)
        watch()
        if terminated or truncated:
            break
    return total
