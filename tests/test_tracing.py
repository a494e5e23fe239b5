"""Subclassed models: what their ``call`` does to symbols is a graph, and a graph can be treated."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import remedy
from remedy.recipe.tracing import as_graph
from tests.conftest import blobs


class Plain(keras.Model):
    """As people write it: layers in ``__init__``, ``call``, and nothing else."""

    def __init__(self, width, classes):
        super().__init__()
        self.first = layers.Dense(width, activation="relu")
        self.more = [layers.Dense(width) for _ in range(2)]
        self.norm = layers.BatchNormalization()
        self.drop = layers.Dropout(0.2)
        self.head = layers.Dense(classes, activation="softmax")

    def call(self, x, training=None):
        x = self.first(x) / 2.0
        for layer in self.more:
            x = x + ops.relu(layer(x))
        return self.head(self.drop(self.norm(x), training=training))


class Branching(Plain):
    """Does something else in training than its layers do by themselves."""

    def call(self, x, training=None):
        x = self.first(x)
        if training:
            x = self.drop(x)
        return self.head(x)


class Costly(Plain):
    """Adds a loss of its own."""

    def call(self, x, training=None):
        x = self.first(x)
        self.add_loss(ops.mean(ops.square(x)))
        return self.head(x)


class OwnStep(Plain):
    """Trains by itself."""

    def train_step(self, data):
        return super().train_step(data)


class Asking(Plain):
    """Asks for values, which symbols have not."""

    def call(self, x, training=None):
        return self.head(x if float(ops.max(x)) > 0 else -x)


X = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")


def built(kind):
    model = kind(8, 3)
    model(X[:2])
    return model


def test_a_plain_class_becomes_a_graph_of_the_same_layers_with_the_same_answers():
    model = built(Plain)
    graph = as_graph(model, X)
    assert graph.layers[1] is model.first
    np.testing.assert_allclose(graph(X), model(X), atol=1e-6)


@pytest.mark.parametrize("kind", [Branching, Costly, OwnStep, Asking])
def test_a_class_whose_graph_would_be_another_program_is_left_as_it_is(kind):
    assert as_graph(built(kind), X) is None


def test_a_stuck_class_is_repaired_its_patch_runs_and_the_class_is_left_as_it_was(store):
    keras.utils.set_random_seed(0)
    rows, y = blobs(rows=300)
    model = Plain(16, 3)
    model.compile(keras.optimizers.Adam(1e-7), "categorical_crossentropy")
    fit = {"epochs": 8, "verbose": 0, "validation_split": 0.2}
    cheap = ["learning-rate", "scale-inputs"]
    result = remedy.fit(model, rows, y, search=remedy.Search(trials=3, timeout=30), remedies=cheap, **fit)
    assert result.fix.confirmed
    assert not model.first._inbound_nodes
    space = {"model": model, "rows": rows, "y": y, "fit": fit}
    exec(result.fix.patch, space)
    found = np.mean(space["model"].predict(rows, verbose=0).argmax(-1) == y.argmax(-1))
    assert found > 0.8
