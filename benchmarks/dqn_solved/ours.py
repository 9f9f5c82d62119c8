"""One run of the DQN example with the settings that it has for CartPole."""

import tempfile
from pathlib import Path

from benchmarks.dqn_solved.judge import ENV_ID, EVERY, Judge
from benchmarks.dqn_speed import recipe
from examples.dqn.settings.tuned import tuned_config
from examples.dqn.train import main as train


def main() -> None:
    options = recipe.parse(__doc__)
    judge = Judge(options.clock)
    # Before these, the example's own module has chosen Keras's backend.
    from examples.dqn.trainer import Trainer

    trainers: list[Trainer] = []

    def look(trainer: Trainer) -> dict[str, float]:
        trainers[:] = [trainer]
        judge.step(trainer.step, trainer.policy.greedy)
        return {}

    if not hasattr(Trainer, "_evaluate"):
        raise SystemExit("There is no Trainer._evaluate any more to be watched.")
    Trainer._evaluate = look
    with tempfile.TemporaryDirectory() as folder:
        config = tuned_config(
            ENV_ID,
            seed=options.seed,
            eval_every=EVERY,
            keep="last",
            # Its own end is not what is measured; the judge plays the last episodes.
            final_episodes=1,
            run_folder=Path(folder),
        )
        train(config)
    results = judge.results(trainers[0].agent.policy().greedy)
    recipe.tell(options, ["keras", "tensorflow", "gymnasium", "numpy"], results)


if __name__ == "__main__":
    main()
