"""A run from Python, with parts of one's own."""

from collections.abc import Sequence
from typing import Any

from examples.dqn.callbacks import Callback
from examples.dqn.errors import ConfigError
from examples.dqn.parts import Parts
from examples.dqn.runs.quiet import silent_libraries
from examples.dqn.runs.result import Result
from examples.dqn.schedules import Schedule
from examples.dqn.settings.config import Config
from examples.dqn.train import main


def run(
    config: Config,
    *,
    network: Any = None,
    epsilon: Schedule | float | None = None,
    clipper: Any = None,
    optimizer: Any = None,
    callbacks: Sequence[Callback] = (),
    total_steps: int | None = None,
) -> Result:
    """Trains a DQN, with parts of your own where you want them.

    Use it from scripts and notebooks, as often as you like in one process. What a
    flag can say needs no Python: `python -m examples.dqn.train --help`. It does what
    that command does, run folder, checkpoints and final score included. Ctrl-C, or
    a notebook's stop button, ends it with the block at hand, saved and scored;
    `run(Config(resume=result.run_folder), ...)` with the same parts goes on.

    Args:
        config: The settings, such as `tuned_config("CartPole-v1")`, or
            `Config(resume=folder)` to go on with a run.
        network: What maps a batch of observations to values of shape
            `(batch, actions)`, or `(batch, actions, quantiles)` if the settings are
            distributional. A function from the shape of one observation and the
            number of actions to a `keras.Model`, which is called several times; or
            a `keras.Model`, of which copies are trained. Defaults to the network
            that the settings describe.
        epsilon: Share of random actions: a function from the environment step to a
            number in `[0, 1]`, or that number. Defaults to the settings' schedule.
        clipper: A `keras_gradclip.Clipper`, `Chain` included, a name or a config,
            in the settings' Adam. Defaults to the rule that the settings name.
        optimizer: Instead of the settings' Adam and its clipper: a Keras optimizer,
            one of `keras_gradclip.optimizers` for example, of which a fresh copy
            is trained with; or a function from the number of updates to one, for
            schedules that end with the run. Not with `clipper`.
        callbacks: Told of each block, evaluation and the end, in this order; each
            can stop the run. See `Callback`.
        total_steps: For a resumed run, the environment steps at which it is to end
            now, be it over or not. At least those that it has taken.

    Returns:
        Scores, the policy that was kept, the history and the run folder.

    Raises:
        ConfigError: If settings or parts cannot work; before training.
        RunError: If environments, own parts or the disk fail later.

    Example:

    ```python
    from examples.dqn.callbacks import StopAtScore
    from examples.dqn.run import run
    from examples.dqn.settings.tuned import tuned_config

    result = run(tuned_config("CartPole-v1"), callbacks=[StopAtScore(475)])
    print(result.score, result.policy.greedy(observations))
    ```
    """
    if total_steps is not None and config.resume is None:
        raise ConfigError(
            "total_steps must be a setting of a new run; the argument is for a "
            f"resumed one. Received: total_steps={total_steps}"
        )
    _check_backend()
    parts = Parts(network, epsilon, clipper, optimizer, tuple(callbacks))
    return main(config, parts, total_steps)


def _check_backend() -> None:
    # `train` asks for TensorFlow, which comes too late if Keras was there before.
    with silent_libraries():
        import keras

    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            "KERAS_BACKEND must be tensorflow before Keras is first imported. "
            f"Received: {keras.backend.backend()}"
        )
