"""A tiny BERT of KerasHub, made from a config and not downloaded."""

import warnings

import keras
import numpy as np
import pytest
from helpers.training import assert_same, state

from keras_gradclip import (
    AGC,
    AutoClip,
    ClippedModel,
    add_clipper,
    optimizers,
    unit_axes_of,
)

pytestmark = [pytest.mark.ecosystem, pytest.mark.filterwarnings("default")]

tokens = np.random.default_rng(0).integers(0, 20, (16, 6))
x = {
    "token_ids": tokens,
    "segment_ids": np.zeros_like(tokens),
    "padding_mask": np.ones_like(tokens),
}
y = tokens[:, 0] % 2


@pytest.fixture
def bert():
    hub = pytest.importorskip("keras_hub")
    backbone = hub.models.BertBackbone(
        vocabulary_size=20,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=6,
        dropout=0.0,
    )
    return hub.models.BertTextClassifier(
        backbone=backbone, num_classes=2, preprocessor=None, dropout=0.0
    )


def train(model, optimizer=None):
    if optimizer is not None:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss)
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model.optimizer


def test_each_layer_is_a_group(bert):
    clipper = AutoClip(scope="layer")
    groups = train(bert, optimizers.AdamW(1e-3, clipper=clipper)).clip_groups
    attention = "transformer_layer_0/self_attention_layer"
    parts = ["query", "key", "value", "attention_output"]
    assert {f"{attention}/{part}" for part in parts} < set(groups)
    assert {"token_embedding", "logits"} < set(groups)
    assert len(groups) == len({v.path.rpartition("/")[0] for v in bert.weights})


def test_agc_knows_the_units_by_their_names_as_by_their_layers(bert):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", module="keras_gradclip")
        optimizer = train(bert, optimizers.SGD(0.1, clipper=AGC(exclude="logits")))
    paths = [v.path for v in bert.trainable_variables]
    found = dict(zip(paths, optimizer.clip_state.groups.unit_axes))
    assert found == unit_axes_of(bert)
    # Per head and place, and per token.
    query = "transformer_layer_0/self_attention_layer/query/kernel"
    assert found[query] == (0,)
    assert found["token_embedding/embeddings"] == (1,)


def test_lora_clips_what_it_trains(bert):
    bert.backbone.enable_lora(2)
    optimizer = train(bert, optimizers.AdamW(1e-2, clipper=AGC(scope="variable")))
    assert optimizer.clip_groups == tuple(v.path for v in bert.trainable_variables)
    assert any("lora_kernel_a" in name for name in optimizer.clip_groups)
    assert not any(name.startswith("token_emb") for name in optimizer.clip_groups)


def clipped(backbone):
    """A model that Keras saves with its optimizer, as a task of KerasHub is not."""
    pooled = backbone.output["pooled_output"]
    outputs = keras.layers.Dense(2, name="logits")(pooled)
    return ClippedModel(backbone.input, outputs)


def test_a_model_of_it_is_saved_and_goes_on_as_if_it_had_not_been(bert, tmp_path):
    model = clipped(bert.backbone)
    train(model, add_clipper(keras.optimizers.Adam(1e-3), AutoClip(30, scope="layer")))
    model.save(tmp_path / "bert.keras")
    loaded = keras.models.load_model(tmp_path / "bert.keras")
    assert_same(state(model.optimizer), state(loaded.optimizer))
    train(model)
    train(loaded)
    assert_same(model.get_weights(), loaded.get_weights())


def test_the_optimizer_that_it_has_by_default_takes_a_clipper(bert):
    add_clipper(bert.optimizer, "autoclip")
    assert len(train(bert).clip_history()["step"]) == 4
