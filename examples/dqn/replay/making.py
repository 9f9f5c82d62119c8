"""The replay that suits a run: which store, and which sampler."""

from examples.dqn.envs.images import sees_images
from examples.dqn.replay.frame_store import FrameStore
from examples.dqn.replay.frames import Frames
from examples.dqn.replay.prioritized import PrioritizedSampler
from examples.dqn.replay.replay import Replay, Store
from examples.dqn.replay.store import TransitionStore
from examples.dqn.replay.uniform import UniformSampler
from examples.dqn.settings.agent import ReplaySettings


def make_replay(
    settings: ReplaySettings,
    observation_shape: tuple[int, ...],
    num_envs: int,
    total_steps: int,
) -> Replay:
    """The replay that the settings and the observations ask for.

    Args:
        settings: How much it keeps, and how that is drawn.
        observation_shape: Shape of one observation.
        num_envs: Environments that steps come from.
        total_steps: Of the whole run.
    """
    size = settings.replay_size
    store = make_store(size, observation_shape, num_envs)
    if not settings.prioritized:
        return Replay(store, UniformSampler(size))
    sampler = PrioritizedSampler(
        size,
        settings.priority_exponent,
        settings.priority_correction,
        total_steps,
    )
    return Replay(store, sampler)


def make_store(size: int, observation_shape: tuple[int, ...], num_envs: int) -> Store:
    """One that keeps images once, if observations are stacks of them."""
    if not sees_images(observation_shape):
        return TransitionStore(size, observation_shape)
    stack, *frame_shape = observation_shape
    return FrameStore(size, num_envs, Frames(size, tuple(frame_shape), stack))
