"""What a checkpoint holds of a trainer, and a trainer put back to it."""

import pickle
from typing import Any

from examples.dqn.envs.environments import Environments

# What it holds as it is.
RESTORED = (
    *("step", "cycle", "replay", "nstep", "returns", "seen", "reward_scale"),
    *("generator", "history", "best"),
)
# Of these, what is left out where checkpoints are without the replay.
OF_THE_REPLAY = ("replay", "nstep")


def state_of(trainer: Any) -> dict[str, Any]:
    """All from which `put_back` goes on as if the trainer had never stopped."""
    state = {
        "config": trainer.config,
        "agent": trainer.agent.state(),
        "envs": try_pickle(trainer.envs),
        "rows": trainer.report.rows,
        "parts": trainer.parts.names,
        "told": trainer.told.state() if trainer.told else [],
        **{name: getattr(trainer, name) for name in RESTORED},
    }
    if not trainer.config.checkpoint_replay:
        for name in OF_THE_REPLAY:
            state.pop(name)
    return state


def put_back(trainer: Any, state: dict[str, Any]) -> bool:
    """Lets a new trainer go on from a state.

    Returns:
        Whether the environments could be put back too. If not, their episodes
        begin anew.
    """
    trainer.agent.restore(state["agent"])
    for name in RESTORED:
        if name in state:
            setattr(trainer, name, state[name])
    if "replay" not in state:
        # It fills again before it is learned from.
        trainer.learns_from = trainer.step + trainer.config.first_update
    trainer.policy = trainer.agent.policy()
    if trainer.best is not None:
        trainer.best = trainer.best[0], trainer.agent.revive(trainer.best[1])
    if trainer.told:
        trainer.told.restore(state["told"])
    if state["envs"] is not None:
        trainer.envs.close()
        trainer.envs = pickle.loads(state["envs"])
        return True
    trainer.begin_episodes()
    return False


def try_pickle(envs: Environments) -> bytes | None:
    """The environments as they are, None if theirs is a kind that cannot be kept."""
    try:
        return pickle.dumps(envs)
    except Exception:  # each kind of environment fails in a way of its own
        return None
