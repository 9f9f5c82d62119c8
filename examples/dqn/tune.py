"""Searches for good settings: `python -m examples.dqn.tune --help`."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from examples.dqn.callbacks import Callback, Moment
from examples.dqn.errors import ConfigError, RunError
from examples.dqn.run import run
from examples.dqn.settings.command_line import flags_of, parse_words, run_reporting
from examples.dqn.settings.config import Config
from examples.dqn.settings.ranges import Range, check_ranges
from examples.dqn.settings.search_space import SPACE, Among, Between
from examples.dqn.settings.tuned import tuned_config

STUDY = "study.log"


@dataclass(frozen=True)
class Tune:
    """Try settings of examples/dqn/settings/search_space.py by Optuna.

    Each trial trains a run, and is ended at an evaluation where it is worse than the
    median of the others there. What counts is the score of the last weights. Needs
    pip install -e '.[dqn,tune]'.
    """

    env_id: str = "CartPole-v1"
    """Environment to find settings for; all that is not tried is as tuned for it."""

    trials: Annotated[int, Range(at_least=1)] = 20
    """Trials to add to the study, over all jobs together."""

    seeds: Annotated[int, Range(at_least=1)] = 1
    """Runs of each trial, with seeds from 100 on; their mean counts."""

    total_steps: Annotated[int | None, Range(at_least=1)] = None
    """Environment steps of each run; None is as tuned for the environment."""

    final_episodes: Annotated[int, Range(at_least=1)] = 20
    """Greedy episodes behind the score of a run."""

    jobs: Annotated[int, Range(at_least=1)] = 1
    """Processes that try at the same time."""

    study_folder: Path = Path("tuning")
    """Folder of the study, which is gone on with if there is one; several machines
    may share it. Runs, pictures, best.json and the jobs' logs come here too."""

    def __post_init__(self) -> None:
        check_ranges(self)


class Pruning(Callback):
    """Ends a run of a trial whose evaluations are worse than those of the others.

    Args:
        trial: What Optuna calls a trial.
        before: Evaluations of its earlier seeds, which count before these.
    """

    def __init__(self, trial: Any, before: int = 0):
        self._trial, self._before = trial, before
        self.pruned = False

    def on_evaluation(self, moment: Moment) -> None:
        evaluations = moment.history.evaluations
        self._trial.report(evaluations[-1][1], self._before + len(evaluations))
        if self._trial.should_prune():
            self.pruned = True
            moment.stop("worse than the median")


def main(settings: Tune) -> dict[str, Any]:
    """Tries, and leaves the best settings and pictures in the study's folder.

    Returns:
        The score of the best trial and its settings.

    Raises:
        ConfigError: If Optuna is not there, or a setting cannot work.
        RunError: If no trial went to its end.
    """
    study = _study(settings)
    print(f"{settings.trials} trials in {settings.study_folder}", flush=True)
    if settings.jobs == 1:
        study.optimize(lambda trial: _try(trial, settings), settings.trials)
    else:
        _share(settings)
    return _summarize(study, settings)


def suggest(trial: Any, space: Mapping[str, Between | Among]) -> dict[str, Any]:
    """Settings that a trial chooses from a space."""
    chosen: dict[str, Any] = {}
    for name, range_ in space.items():
        if isinstance(range_, Between):
            chosen[name] = trial.suggest_float(
                name, range_.low, range_.high, log=range_.log
            )
            continue
        # Optuna keeps numbers and texts alone.
        by_text = {json.dumps(value): value for value in range_.values}
        chosen[name] = by_text[trial.suggest_categorical(name, list(by_text))]
    return chosen


def _try(trial: Any, settings: Tune) -> float:
    import optuna

    chosen = suggest(trial, SPACE)
    scores: list[float] = []
    before = 0
    for seed in range(100, 100 + settings.seeds):
        pruning = Pruning(trial, before)
        result = run(
            replace(
                _base(settings, chosen),
                seed=seed,
                run_folder=_new_folder(settings, f"trial{trial.number}-seed{seed}"),
            ),
            callbacks=[pruning],
        )
        if pruning.pruned:
            raise optuna.TrialPruned
        if result.stopped:  # by a signal, so the study ends too
            trial.study.stop()
            raise optuna.TrialPruned
        before += len(result.history.evaluations)
        scores.append(result.last_score)
    return float(np.mean(scores))


def _new_folder(settings: Tune, name: str) -> Path:
    (settings.study_folder / "runs").mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=settings.study_folder / "runs"))


def _base(settings: Tune, chosen: Mapping[str, Any]) -> Config:
    more = dict(chosen, final_episodes=settings.final_episodes)
    if settings.total_steps is not None:
        more["total_steps"] = settings.total_steps
    return tuned_config(settings.env_id, **more)


def _study(settings: Tune) -> Any:
    try:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
    except ImportError as error:
        raise ConfigError(
            "tune must have Optuna, which pip install -e '.[dqn,tune]' brings "
            f"({error}) Received: env_id={settings.env_id!r}"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _base(settings, {})
    settings.study_folder.mkdir(parents=True, exist_ok=True)
    path = settings.study_folder / STUDY
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path))),
        study_name=settings.env_id,
        direction="maximize",
        load_if_exists=True,
        # Several processes draw from one study, so a fixed seed would try twice.
        sampler=optuna.samplers.TPESampler(multivariate=False),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
    )


def _share(settings: Tune) -> None:
    """Lets processes try, each its share."""
    each, more = divmod(settings.trials, settings.jobs)
    processes = []
    for job in range(settings.jobs):
        trials = each + (job < more)
        if trials:
            words = _words(replace(settings, jobs=1, trials=trials))
            command = [sys.executable, "-m", "examples.dqn.tune", *words]
            paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
            environment = {**os.environ, "PYTHONPATH": paths}
            with (settings.study_folder / f"job-{job}.log").open("w") as log:
                process = subprocess.Popen(
                    command, env=environment, stdout=log, stderr=subprocess.STDOUT
                )
            processes.append(process)
    failed = [process for process in processes if process.wait()]
    if failed:
        raise RunError(
            f"{len(failed)} of {len(processes)} jobs failed, see the job-*.log in "
            f"{settings.study_folder}"
        )


def _words(settings: Tune) -> list[str]:
    return [
        word
        for name, value in vars(settings).items()
        if value is not None
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]


def _summarize(study: Any, settings: Tune) -> dict[str, Any]:
    from examples.dqn.runs.study_plots import plot_study

    whole = [trial for trial in study.get_trials() if trial.state.name == "COMPLETE"]
    if not whole:
        raise RunError("no trial went to its end")
    trial = max(whole, key=lambda trial: trial.value)
    chosen = {name: _value(name, value) for name, value in trial.params.items()}
    best = {"score": trial.value, "trial": trial.number, "settings": chosen}
    text = json.dumps(best, indent=2) + "\n"
    (settings.study_folder / "best.json").write_text(text)
    plot_study(study, settings.study_folder)
    print(f"best of {len(study.get_trials())} trials: {trial.value:.1f}")
    print(" ".join(flags_of(_base(settings, chosen))))
    return best


def _value(name: str, value: Any) -> Any:
    """A setting as it was before Optuna kept it."""
    if not isinstance(SPACE.get(name), Among):
        return value
    found = json.loads(value)
    return tuple(found) if isinstance(found, list) else found


def run_command(arguments: list[str] | None = None) -> int:
    """Runs `main` as a command and returns its exit code."""
    return run_reporting(lambda: main(parse_words(Tune, "tune", arguments)))


if __name__ == "__main__":
    sys.exit(run_command())
