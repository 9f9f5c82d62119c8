"""One run of Stable-Baselines3's or SBX's DQN, two rows of the table.

It runs in the peers' environment. The settings are those that RL Zoo found for
CartPole-v1; each block of updates is one call of `train` in both libraries, and
both fetch its loss, so that nothing is left to do when it returns.
"""

import torch
from stable_baselines3 import DQN
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from benchmarks.dqn_speed import recipe
from benchmarks.stopwatch import Stopwatch

HYPER_PARAMETERS = {
    "learning_rate": 2.3e-3,
    "batch_size": recipe.BATCH_SIZE,
    "buffer_size": 100_000,
    "learning_starts": recipe.LEARNING_STARTS,
    "gamma": 0.99,
    "target_update_interval": 10,
    "train_freq": recipe.BLOCK_STEPS,
    "gradient_steps": recipe.BLOCK_UPDATES,
    "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04,
    "policy_kwargs": {"net_arch": list(recipe.HIDDEN_SIZES)},
}


def main() -> None:
    options = recipe.parse(__doc__)
    torch.set_num_threads(1)
    packages = ["stable-baselines3", "torch", "gymnasium", "numpy"]
    kind, arguments = DQN, {"device": "cpu"}
    if options.who == "SBX":
        import sbx

        kind, arguments = sbx.DQN, {}
        packages += ["sbx-rl", "jax"]
    loop, block = (Stopwatch(kind, name, options.clock) for name in ("learn", "train"))
    model = kind(
        "MlpPolicy", recipe.ENV_ID, seed=options.seed, **HYPER_PARAMETERS, **arguments
    )
    model.learn(recipe.TOTAL_STEPS)
    # An environment per episode, as in our evaluation.
    envs = make_vec_env(recipe.ENV_ID, recipe.EPISODES, seed=recipe.EVAL_SEED)
    score, _ = evaluate_policy(model, envs, recipe.EPISODES, deterministic=True)
    results = recipe.figures(options.clock, loop, block, model.num_timesteps)
    recipe.tell(options, packages, {"score": float(score), **results})


if __name__ == "__main__":
    main()
