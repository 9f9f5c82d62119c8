"""One run of Stable-Baselines3's or SBX's DQN with RL Zoo's settings for CartPole.

It runs in the peers' environment.
"""

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from benchmarks.dqn_solved.judge import ENV_ID, Judge
from benchmarks.dqn_speed import recipe
from benchmarks.dqn_speed.peer import HYPER_PARAMETERS


class Watch(BaseCallback):
    """Tells a judge how far the run is.

    Args:
        judge: The judge.
    """

    def __init__(self, judge: Judge):
        super().__init__()
        self._judge = judge

    def greedy(self, observations: np.ndarray) -> np.ndarray:
        """The best actions by the network as it is now."""
        actions: np.ndarray = self.model.predict(observations, deterministic=True)[0]
        return actions

    def _on_step(self) -> bool:
        self._judge.step(self.num_timesteps, self.greedy)
        return True


def main() -> None:
    options = recipe.parse(__doc__)
    torch.set_num_threads(1)
    packages = ["stable-baselines3", "torch", "gymnasium", "numpy"]
    arguments: dict[str, Any] = {}
    if options.who == "SBX":
        from sbx import DQN

        packages += ["sbx-rl", "jax"]
    else:
        from stable_baselines3 import DQN

        arguments = {"device": "cpu"}
    model = DQN("MlpPolicy", ENV_ID, seed=options.seed, **HYPER_PARAMETERS, **arguments)
    judge = Judge(options.clock)
    watch = Watch(judge)
    model.learn(recipe.TOTAL_STEPS, callback=watch)
    recipe.tell(options, packages, judge.results(watch.greedy))


if __name__ == "__main__":
    main()
