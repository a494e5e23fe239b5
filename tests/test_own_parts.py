"""The user's own code: the copy that trials train is the user's model, or it is said at once."""

import json

import keras
import numpy as np
import pytest
from keras import layers, ops

import remedy
from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import scorer_for
from remedy.errors import ModelError, RemedyWarning
from remedy.recipe.own_parts import own_parts
from remedy.recipe.recipe import Recipe
from remedy.recipe.round_trip import difference
from remedy.remedies.learning_rate import LearningRate
from remedy.training.answers import probe_loss
from remedy.training.engines._base import Job
from remedy.training.engines.inline import InlineEngine
from remedy.training.engines.process import ProcessEngine

from .conftest import blobs

X, Y = blobs(rows=200)
IDS = Y.argmax(-1)


class Gate(layers.Layer):
    """One factor for every column; its configuration holds no name, and it has no get_config."""

    def __init__(self, start):
        super().__init__()
        self.start = start

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer=keras.initializers.Constant(self.start))

    def call(self, x):
        return x * self.factor


class Lean(layers.Layer):
    """Its get_config lacks a name."""

    def __init__(self, units):
        super().__init__()
        self.units = units
        self.dense = layers.Dense(units)

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        return {"units": self.units}


@keras.saving.register_keras_serializable("mine")
class Registered(layers.Layer):
    def call(self, x):
        return x * 2.0


class Halves(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None, **kwargs):
        return ops.full(shape, 0.5, dtype)


class Mild(keras.regularizers.Regularizer):
    def __call__(self, x):
        return 1e-4 * ops.sum(x**2)


class Focal(keras.losses.Loss):
    """No get_config, and a setting that is not its default."""

    def __init__(self, gamma=2.0):
        super().__init__(name="focal")
        self.gamma = gamma

    def call(self, truth, answer):
        p = ops.clip(ops.sum(truth * answer, -1), 1e-7, 1.0)
        return -((1 - p) ** self.gamma) * ops.log(p)


def swish(x):
    return x * ops.sigmoid(x)


def _model(*hidden, loss="categorical_crossentropy", optimizer=None, functional=True, **head):
    rows = keras.Input((6,))
    x = rows
    for layer in hidden:
        x = layer(x)
    out = layers.Dense(3, activation="softmax", **head)
    model = keras.Model(rows, out(x)) if functional else keras.Sequential([rows, *hidden, out])
    model.compile(optimizer or keras.optimizers.SGD(1e-6), loss, metrics=["accuracy"])
    return model


PROGRAMS = {
    "a layer without get_config": lambda: _model(Gate(1.0), layers.Dense(8, activation="relu")),
    "a layer whose configuration lacks a name": lambda: _model(Lean(8), layers.ReLU()),
    "the same in a Sequential": lambda: _model(Lean(8), layers.ReLU(), functional=False),
    "a registered layer": lambda: _model(Registered(), layers.Dense(8)),
    "an activation": lambda: _model(layers.Dense(8, activation=swish)),
    "initializer and regularizer": lambda: _model(
        layers.Dense(8), kernel_initializer=Halves(), kernel_regularizer=Mild()
    ),
    "a Lambda that uses a global": lambda: _model(layers.Lambda(lambda t: ops.square(t) + 1.0), layers.Dense(8)),
    "a loss with a setting": lambda: _model(layers.Dense(8), loss=Focal(gamma=7.0)),
    "a scaled loss": lambda: _model(
        layers.Dense(8), optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(3.0), initial_scale=2.0)
    ),
}


def _data():
    return Dataset(Rows(X, Y), None, "multiclass")


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_the_copy_that_trials_train_is_the_users_model(program):
    model = program()
    recipe = Recipe.from_model(model, {"epochs": 2})
    assert difference(recipe, _data(), model) is None
    ready = _data().for_search(0)
    engine = InlineEngine(ready, scorer_for("multiclass", ready.holdout.target), registry.detectors())
    changed = LearningRate().apply(recipe, ready, rate=0.05)
    outcome = engine.train(Job(changed, 0, 2, "one"))
    assert outcome.error is None
    assert len(outcome.scores) == 2


def test_parts_of_the_users_own_are_found_by_workers_too():
    recipe = Recipe.from_model(PROGRAMS["a registered layer"](), {"epochs": 2})
    ready = _data().for_search(0)
    engine = ProcessEngine(ready, scorer_for("multiclass", ready.holdout.target), registry.detectors(), 1)
    try:
        assert engine.train(Job(recipe, 0, 2, "one")).error is None
    finally:
        engine.close()


def test_a_loss_of_the_users_own_keeps_its_settings():
    model = PROGRAMS["a loss with a setting"]()
    recipe = Recipe.from_model(model, {})
    rows, answers = Rows(X, Y), np.full((200, 3), 1 / 3, "float32")
    assert probe_loss(recipe, rows, answers) == pytest.approx(float(np.mean(Focal(7.0)(Y, answers))), rel=1e-5)
    assert recipe.build(_data(), 0).loss.gamma == 7.0


def test_the_rate_of_an_optimizer_inside_another_is_read_and_changed():
    model = PROGRAMS["a scaled loss"]()
    recipe = Recipe.from_model(model, {})
    assert recipe.learning_rate == 3.0
    changed = LearningRate().apply(recipe, _data(), rate=0.01).build(_data(), 0).optimizer
    assert type(changed).__name__ == "LossScaleOptimizer"
    assert float(changed.inner_optimizer.learning_rate) == pytest.approx(0.01)


def test_names_cover_what_is_registered_and_what_is_not():
    names = set(own_parts(PROGRAMS["initializer and regularizer"]()))
    assert {"Halves", "Mild"} <= names
    assert {"Registered", "mine>Registered"} <= set(own_parts(PROGRAMS["a registered layer"]()))
    assert own_parts(_model(layers.Dense(4, activation="relu"))) == {}


def test_an_adapted_table_comes_back_with_its_words():
    lookup = layers.IntegerLookup()
    lookup.adapt(np.array([3, 5, 7, 9, 11, 13]))
    ids = keras.Input((2,), dtype="int64")
    x = layers.Flatten()(layers.Embedding(8, 4)(lookup(ids)))
    model = keras.Model(ids, layers.Dense(3, activation="softmax")(x))
    model.compile(keras.optimizers.SGD(1e-6), "sparse_categorical_crossentropy")
    rows = np.random.default_rng(0).choice([3, 5, 7, 9, 11, 13], (200, 2))
    data = Dataset(Rows(rows, IDS), None, "multiclass")
    recipe = Recipe.from_model(model, {"epochs": 1})
    assert difference(recipe, data, model) is None
    ready = data.for_search(0)
    engine = InlineEngine(ready, scorer_for("multiclass", ready.holdout.target), registry.detectors())
    assert engine.train(Job(recipe, 0, 1, "one")).error is None


class Ordinary(keras.Model):
    """As people write it: layers in __init__, call, and nothing else."""

    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(8, activation="relu")
        self.head = layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.head(self.hidden(x))


class WithWidth(Ordinary):
    def __init__(self, width):
        super().__init__()
        self.hidden = layers.Dense(width, activation="relu")


@pytest.mark.slow
def test_a_subclassed_model_with_an_ordinary_init_is_stuck_and_searched(store):
    model = Ordinary()
    model.compile(keras.optimizers.SGD(1e-6), "categorical_crossentropy")
    result = remedy.fit(model, X, Y, epochs=10, verbose=0, search=remedy.Search(trials=4, timeout=30))
    assert result.stuck
    assert result.fix is not None or "prescriptions were tried" in result.conclusion


class Factor(Ordinary):
    """Its weights are made by __init__ itself: nothing that is left behind says how they begin."""

    def __init__(self, start):
        super().__init__()
        self.factor = self.add_weight(shape=(), initializer=keras.initializers.Constant(start))

    def call(self, x):
        return super().call(x * self.factor) if float(ops.sum(x)) != 0.5 else x


def test_one_that_cannot_be_copied_is_judged_and_the_way_out_is_said_in_one_sentence(store):
    model = Factor(1.0)
    model.compile(keras.optimizers.SGD(1e-6), "categorical_crossentropy", run_eagerly=True)
    with pytest.warns(RemedyWarning, match="build=") as caught:
        result = remedy.fit(model, X, Y, epochs=10, verbose=0)
    assert result.stuck
    assert result.fix is None
    assert "build=" in result.conclusion
    assert all(len(str(w.message)) < 300 for w in caught if w.category is RemedyWarning)


def test_a_build_that_returns_the_live_model_is_refused_for_both_would_be_trained(store):
    model = Ordinary()
    model.compile(keras.optimizers.SGD(1e-6), "categorical_crossentropy")
    with pytest.raises(ModelError, match="the live model"):
        Recipe.from_model(model, {}, lambda: model)
    result = remedy.fit(model, X, Y, epochs=10, verbose=0, build=lambda: model, search=remedy.Search(trials=4))
    assert result.stuck
    assert result.fix is None
    assert "not built anew" in result.conclusion


class Moody(layers.Layer):
    """Another layer every time it is built: no copy can be the same."""

    made = 0

    def __init__(self):
        super().__init__()
        Moody.made += 1
        self.factor = float(Moody.made)

    def call(self, x):
        return x * self.factor


def test_a_copy_that_answers_otherwise_is_named_with_its_layer_before_any_trial(store):
    model = _model(Moody(), layers.Dense(8))
    with pytest.warns(RemedyWarning, match="answers otherwise"):
        result = remedy.fit(model, X, Y, epochs=10, verbose=0, search=remedy.Search(trials=4, timeout=30))
    assert result.fix is None
    assert "moody" in result.conclusion
    assert "build=" in result.conclusion


def test_a_stored_recipe_never_turns_trust_on():
    stored = json.loads(json.dumps(Recipe.from_model(_model(layers.Dense(4)), {}).to_dict()))
    assert not Recipe.from_dict(stored).trusted
    with pytest.raises(ModelError, match="'trusted', which no recipe has"):
        Recipe.from_dict({**stored, "trusted": True})


def test_brackets_in_the_error_of_a_trial_are_text_and_no_markup(capsys):
    from remedy.reporting.terminal import Terminal

    Terminal().conclusion("The first error: cannot open [/data/labels.csv]")
    assert "[/data/labels.csv]" in capsys.readouterr().out
