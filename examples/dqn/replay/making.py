"""The replay that suits a run: which store, and which sampler."""

from examples.dqn.envs.images import sees_images
from examples.dqn.replay.frame_store import FrameStore
from examples.dqn.replay.frames import Frames
from examples.dqn.replay.prioritized import PrioritizedSampler
from examples.dqn.replay.replay import Replay, Sampler, Store
from examples.dqn.replay.store import TransitionStore
from examples.dqn.replay.uniform import UniformSampler
from examples.dqn.settings.config import Config


def make_replay(config: Config, observation_shape: tuple[int, ...]) -> Replay:
    """The replay that the settings and the observations ask for."""
    return Replay(make_store(config, observation_shape), make_sampler(config))


def make_store(config: Config, observation_shape: tuple[int, ...]) -> Store:
    """One that keeps images once, if observations are stacks of them."""
    size = config.replay_size
    if not sees_images(observation_shape):
        return TransitionStore(size, observation_shape)
    stack, *frame_shape = observation_shape
    frames = Frames(size, tuple(frame_shape), stack)
    return FrameStore(size, config.num_envs, frames)


def make_sampler(config: Config) -> Sampler:
    """The sampler that the settings name."""
    if not config.prioritized:
        return UniformSampler(config.replay_size)
    return PrioritizedSampler(
        config.replay_size,
        config.priority_exponent,
        config.priority_correction,
        config.total_steps,
    )
