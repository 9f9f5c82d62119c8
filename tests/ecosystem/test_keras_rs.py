"""A two-tower model for retrieval of keras-rs."""

import keras
import numpy as np
import pytest

from keras_gradclip import AutoClip, ClippedModel

pytestmark = [pytest.mark.ecosystem, pytest.mark.filterwarnings("default")]


def tower(name, ids):
    inputs = keras.Input((), dtype="int32", name=name)
    vectors = keras.layers.Embedding(ids, 4, name=f"{name}_embedding")(inputs)
    return inputs, vectors


def test_towers_are_groups_and_their_sparse_gradients_are_clipped():
    rs = pytest.importorskip("keras_rs")
    (users, user), (items, item) = tower("user", 10), tower("item", 7)
    both = keras.layers.Concatenate()([user, item])
    crossed = rs.layers.FeatureCross(name="cross")(both, both)
    interaction = rs.layers.DotInteraction(name="dots")([user, item])
    last = keras.layers.Dense(1, name="rating")
    outputs = last(keras.layers.Concatenate()([crossed, interaction]))
    model = ClippedModel([users, items], outputs)
    model.compile("adam", "mse", clipper=AutoClip(30, scope="layer"))
    generator = np.random.default_rng(0)
    ids = [generator.integers(0, n, 32).astype("int32") for n in (10, 7)]
    ratings = generator.normal(size=(32, 1))
    model.fit(ids, ratings, batch_size=8, epochs=3, verbose=0)
    groups = model.optimizer.clip_groups
    assert {"user_embedding", "item_embedding", "rating"} < set(groups)
    history = model.optimizer.clip_history()
    assert (history["norm"][:, groups.index("user_embedding")] > 0).all()
    assert (history["scale"] < 1).any()


def test_retrieval_trains_with_a_clipper():
    rs = pytest.importorskip("keras_rs")

    class Retriever(ClippedModel):
        def __init__(self):
            super().__init__()
            self.user = keras.layers.Embedding(10, 4)
            self.item = keras.layers.Embedding(7, 4)
            self.nearest = rs.layers.BruteForceRetrieval(k=2, return_scores=False)
            self.loss_fn = keras.losses.CategoricalCrossentropy(from_logits=True)

        def call(self, inputs, training=False):
            return self.user(inputs)

        def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
            scores = keras.ops.matmul(y_pred, keras.ops.transpose(self.item(y)))
            return self.loss_fn(keras.ops.eye(scores.shape[0]), scores)

    model = Retriever()
    model.item.build(())
    model.compile("adagrad", clipper="autoclip")
    generator = np.random.default_rng(0)
    users, items = (generator.integers(0, n, 32).astype("int32") for n in (10, 7))
    history = model.fit(users, items, batch_size=8, epochs=2, verbose=0).history
    assert np.isfinite(history["grad_norm"]).all()
    assert history["grad_norm"][-1] > 0
