"""One run of CleanRL's dqn_jax.py as it is, looked at from outside.

CleanRL is no library: the script runs in a checkout that `CLEANRL` names, with its
own settings, which are for CartPole. It runs in an environment of its own.
"""

import os
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from benchmarks.dqn_solved.judge import Greedy, Judge
from benchmarks.dqn_speed import recipe


def greedy_of(script: dict[str, Any]) -> Greedy:
    """The best actions by the network that the script has now."""
    network, params = script["q_network"], script["q_state"].params
    return lambda rows: np.asarray(network.apply(params, rows)).argmax(axis=-1)


def main() -> None:
    options = recipe.parse(__doc__)
    judge = Judge(options.clock)
    envs = gymnasium.vector.SyncVectorEnv
    step, count = envs.step, 0

    def watched(self: Any, actions: Any) -> Any:
        nonlocal count
        # The script's own variables, from where it steps its environment.
        script = sys._getframe(1).f_globals
        # What stands before this step has seen all the steps before it.
        judge.step(count, lambda rows: greedy_of(script)(rows))
        count += 1
        return step(self, actions)

    envs.step = watched
    checkout = Path(os.environ["CLEANRL"]).resolve()
    sys.path.insert(0, str(checkout))
    sys.argv = ["dqn_jax.py", "--seed", str(options.seed)]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # it writes below the current one
        path = checkout / "cleanrl" / "dqn_jax.py"
        script = runpy.run_path(str(path), run_name="__main__")
        judge.step(count, greedy_of(script))
        results = judge.results(greedy_of(script))
    packages = ["jax", "flax", "torch", "gymnasium", "numpy"]
    recipe.tell(options, packages, results)


if __name__ == "__main__":
    main()
