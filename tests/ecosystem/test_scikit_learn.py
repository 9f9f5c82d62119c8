"""A clipped model behind scikit-learn's interface."""

import keras
import numpy as np
import pytest

from keras_gradclip import AutoClip, ClippedModel, optimizers

pytestmark = [pytest.mark.ecosystem, pytest.mark.filterwarnings("default")]


def make_model(X, y, percentile=50.0):
    inputs = keras.Input((X.shape[1],))
    # scikit-learn's classes come one-hot.
    model = ClippedModel(inputs, keras.layers.Dense(y.shape[1])(inputs))
    model.compile(optimizers.SGD(0.1, clipper=AutoClip(percentile)), "mse")
    return model


x = np.random.default_rng(0).normal(size=(48, 4)).astype("float32")
y = (x.sum(1) > 0).astype("int32")


def test_it_is_fitted_cloned_and_cross_validated():
    base = pytest.importorskip("sklearn.base")
    from sklearn.model_selection import cross_val_score

    arguments = {"verbose": 0, "epochs": 10}
    make = keras.wrappers.SKLearnClassifier
    classifier = make(
        make_model, model_kwargs={"percentile": 90.0}, fit_kwargs=arguments
    )
    classifier.fit(x, y)
    assert classifier.model_.optimizer.clipper.percentile == 90
    assert "grad_norm" in classifier.history_.history
    assert base.clone(classifier).fit(x, y, verbose=0).score(x, y) >= 0
    scores = cross_val_score(classifier, x, y, cv=2)
    assert scores.shape == (2,)
    assert np.isfinite(scores).all()


def test_it_takes_a_compiled_model():
    pytest.importorskip("sklearn")
    model = make_model(x, np.stack([y, y], 1), percentile=20.0)
    classifier = keras.wrappers.SKLearnClassifier(model, fit_kwargs={"verbose": 0})
    classifier.fit(x, y)
    assert classifier.model_.optimizer.clipper.percentile == 20
    # The model that was given is not the one that was trained.
    assert not model.optimizer.built or int(model.optimizer.iterations) == 0
