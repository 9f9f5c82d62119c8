"""What no DQN of the recipe can do without, one row of the table.

The environment alone, with random actions; and the matrix products of the
updates alone, compiled by XLA in a loop of one block, as our updates are:
the online network forward and backward, the target network forward (for the
whole block at once, since it stands still), and for Double DQN the online
network forward on the next observations.
"""

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import gymnasium
import numpy as np
import tensorflow as tf

from benchmarks.dqn_speed import recipe
from benchmarks.stopwatch import Clock

ROUNDS = 30
OBSERVATION_SIZE, NUM_ACTIONS = 4, 2


def environment_steps_per_second(seed: int, clock: Clock) -> float:
    """The single environment as `gymnasium.make` gives it, without its checker."""
    env = gymnasium.make(recipe.ENV_ID, disable_env_checker=True)
    generator = np.random.default_rng(seed)
    actions = generator.integers(NUM_ACTIONS, size=recipe.TOTAL_STEPS)
    env.reset(seed=seed)
    began = clock()
    for action in actions:
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
    return len(actions) / (clock() - began)


def make_products(double: bool, seed: int) -> Callable[[], object]:
    """A compiled function of the matrix products of one block of updates."""
    generator = np.random.default_rng(seed)

    def random(*shape: int) -> tf.Tensor:
        return tf.constant(generator.normal(scale=0.1, size=shape).astype("float32"))

    sizes = [OBSERVATION_SIZE, *recipe.HIDDEN_SIZES, NUM_ACTIONS]
    online, target = (
        [tf.Variable(random(*shape)) for shape in pairwise(sizes)] for _ in range(2)
    )
    observations, next_observations = (
        random(recipe.BLOCK_UPDATES, recipe.BATCH_SIZE, OBSERVATION_SIZE)
        for _ in range(2)
    )

    def forward(values: tf.Tensor, kernels: list[tf.Tensor]) -> list[tf.Tensor]:
        """The input of each layer, and the values of the last one."""
        layers = [values]
        for kernel in kernels:
            layers.append(layers[-1] @ kernel)
        return layers

    @tf.function(jit_compile=True)
    def products(
        observations: tf.Tensor, next_observations: tf.Tensor
    ) -> list[tf.Tensor]:
        kernels = [kernel.value() for kernel in online]
        rows = tf.reshape(next_observations, (-1, OBSERVATION_SIZE))
        of_target = forward(rows, [kernel.value() for kernel in target])[-1]
        q_next = tf.reshape(of_target, (*observations.shape[:2], NUM_ACTIONS))
        gradients = [tf.zeros_like(kernel) for kernel in kernels]
        # The gradients are the loop's state and its result, all of them: what
        # nobody asks for is not computed.
        for index in tf.range(recipe.BLOCK_UPDATES):
            *inputs, values = forward(observations[index], kernels)
            error = values - q_next[index]
            if double:
                error += forward(next_observations[index], kernels)[-1]
            found = []
            for kernel, values in zip(reversed(kernels), reversed(inputs)):
                found.append(tf.matmul(values, error, transpose_a=True))
                if len(found) < len(kernels):
                    error = tf.matmul(error, kernel, transpose_b=True)
            gradients = found[::-1]
        return gradients

    return lambda: products(observations, next_observations)[0].numpy()


def updates_per_second(
    run_blocks: Sequence[Callable[[], object]], clock: Clock
) -> list[float]:
    """What each makes by the median of its blocks, all of them taking turns.

    So whatever else the machine does slows all of them alike.
    """
    times: list[list[float]] = [[] for _ in run_blocks]
    # The first round compiles.
    for round_number in range(ROUNDS + 1):
        for run_block, seconds in zip(run_blocks, times):
            began = clock()
            run_block()
            if round_number:
                seconds.append(clock() - began)
    return [recipe.BLOCK_UPDATES / median(seconds) for seconds in times]


def main() -> None:
    options = recipe.parse(__doc__)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    seed, clock = options.seed, options.clock
    products = [make_products(double, seed) for double in (True, False)]
    on, off = updates_per_second(products, clock)
    results = {
        "steps/s": environment_steps_per_second(seed, clock),
        "updates/s, Double on": on,
        "updates/s, Double off": off,
        "seconds": clock(),
    }
    recipe.tell(options, ["tensorflow", "gymnasium", "numpy"], results)


if __name__ == "__main__":
    main()
