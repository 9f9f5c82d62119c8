"""KerasTuner searches for a rule, a percentile and a window."""

import pytest
from helpers.training import data, mlp

from keras_gradclip import AutoClip, ClipMonitor, ZClip, optimizers

pytestmark = [pytest.mark.ecosystem, pytest.mark.filterwarnings("default")]


def build(hp):
    percentile = hp.Float("percentile", 1.0, 90.0)
    window = hp.Choice("window", [8, 16])
    rules = {
        "autoclip": lambda: AutoClip(percentile, window=window),
        "zclip": lambda: ZClip(),
    }
    clipper = rules[hp.Choice("rule", list(rules))]()
    model = mlp()
    model.compile(optimizers.Adam(0.01, clipper=clipper), "mse")
    return model


def test_a_search_tries_rules_and_numbers_and_can_rank_by_what_clipping_did(tmp_path):
    tuner_of = pytest.importorskip("keras_tuner")
    objective = tuner_of.Objective("clip_fraction", direction="min")
    tuner = tuner_of.RandomSearch(
        build, objective, max_trials=4, seed=1, directory=tmp_path, overwrite=True
    )
    x, y = data()
    tuner.search(x, y, epochs=2, verbose=0, callbacks=[ClipMonitor()])
    tried = [t.hyperparameters.values for t in tuner.oracle.trials.values()]
    assert len(tried) == 4
    assert {t["rule"] for t in tried} == {"autoclip", "zclip"}
    assert all(0 <= t.score <= 1 for t in tuner.oracle.trials.values())
    best = build(tuner.get_best_hyperparameters()[0])
    best.fit(x, y, verbose=0)
    assert len(best.optimizer.clip_history()["step"]) == 2
