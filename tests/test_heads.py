"""Models of several outputs: every head is judged by its own labels, and the model by the mean of their ways."""

import keras
import numpy as np
import pytest
from keras import layers

import remedy
from remedy.data.dataset import Dataset
from remedy.data.heads import Head, from_text, heads_of, mean_way, to_text, ways
from remedy.data.rows import Rows
from remedy.errors import InvalidInput
from remedy.remedies import LearningRate, LossWeights, ScaleTargets
from remedy.search.chance import lead_by_chance, lead_of_heads


def offers(rows=600, seed=0):
    """A kind (two classes) and a price near thirty thousand, both of eight columns."""
    X = np.random.default_rng(seed).normal(size=(rows, 8)).astype("float32")
    kind = (X[:, 0] + 0.5 * X[:, 1] > 0).astype("int64")
    return X, {"kind": kind, "price": (30000 + 9000 * X[:, 2] + 3000 * X[:, 3]).astype("float32")}


def two_heads(rate=1e-3, listed=False):
    keras.utils.set_random_seed(0)
    rows = keras.Input((8,))
    hidden = layers.Dense(32, activation="relu")(rows)
    kind, price = layers.Dense(2, activation="softmax", name="kind"), layers.Dense(1, name="price")
    outputs = [kind(hidden), price(hidden)] if listed else {"kind": kind(hidden), "price": price(hidden)}
    model = keras.Model(rows, outputs)
    losses = {"kind": "sparse_categorical_crossentropy", "price": "mse"}
    model.compile(keras.optimizers.Adam(rate), losses, metrics={"kind": ["accuracy"], "price": ["mae"]})
    return model


def scaled(y):
    return y | {"price": (y["price"] - 30000) / 9500}


@pytest.mark.parametrize("listed", [False, True])
def test_heads_are_told_by_name_with_their_tasks(listed):
    found = heads_of(two_heads(listed=listed), offers()[1])
    assert [(head.name, head.task) for head in found] == [("kind", "binary"), ("price", "regression")]
    assert from_text(to_text(found)) == found


def test_a_head_counts_by_its_share_of_the_way_from_a_constant_answer():
    heads = (Head("kind", "binary"), Head("price", "regression"))
    y = {"kind": np.array([0, 1, 0, 1]), "price": np.array([1.0, 2.0, 3.0, 4.0])}
    right = {"kind": np.eye(2)[y["kind"]], "price": y["price"][:, None]}
    constant = {"kind": np.eye(2)[[0, 0, 0, 0]], "price": np.full((4, 1), 2.5)}
    assert mean_way(heads, y, right) == 1.0
    assert ways(heads, y, constant) == {"kind": 0.0, "price": 0.0}
    assert mean_way(heads, y, {"kind": right["kind"], "price": constant["price"]}) == 0.5


def test_luck_of_a_head_is_counted_on_its_own_way():
    y = {"kind": np.arange(100) % 2, "price": np.arange(100.0)}
    alone = lead_by_chance("binary", y["kind"], 0.01)
    assert lead_of_heads((Head("kind", "binary"),), y, 0.01) == pytest.approx(2 * alone)


@pytest.mark.parametrize(
    ("listed", "named"),
    [(True, True), *(pytest.param(*form, marks=pytest.mark.slow) for form in ((False, True), (True, False)))],
)
def test_a_price_that_drowns_a_class_is_found_mended_and_answered_in_its_own_units(store, listed, named):
    X, y = offers()
    given = y if named else list(y.values())
    model = two_heads(listed=listed)
    fit = {"epochs": 20, "verbose": 0, "validation_split": 0.2}
    few = [ScaleTargets(), LossWeights(), LearningRate()]  # A search of all takes a minute.
    result = remedy.fit(model, X, given, search=remedy.Search(trials=5, timeout=25), remedies=few, **fit)
    assert result.fix.confirmed
    more, truth = offers(seed=1)
    heads = heads_of(two_heads(), y)
    told = result.fix.model.predict(more, verbose=0)
    assert mean_way(heads, truth, told) > 0.6
    price = told[1] if listed else told["price"]
    assert 20000 < float(np.mean(price)) < 40000
    space = {"model": model, "X": X, "given": given, "fit": fit}
    exec(result.fix.patch.replace("fit = {", "fit = {'verbose': 0, ", 1), space)
    assert mean_way(heads, truth, space["model"].predict(more, verbose=0)) > 0.5


def test_two_heads_that_learn_are_healthy_and_each_is_logged(store):
    X, y = offers()
    result = remedy.fit(two_heads(5e-3), X, scaled(y), epochs=12, verbose=0, validation_split=0.2)
    assert result.examination.outcome == "healthy"
    import mlflow

    found = mlflow.MlflowClient().get_run(result.run_id).data.metrics
    assert found["kind_score"] > 0.8
    assert found["price_score"] > 0.8


def test_an_objective_of_ones_own_gets_the_labels_and_answers_of_all_outputs():
    _, y = offers(40)
    asked = []

    def worst(labels, told):
        asked.append((set(labels), set(told)))
        return 0.5

    data = Dataset(Rows(np.zeros((40, 1)), y), None, "several", heads=heads_of(two_heads(), y))
    assert data.scorer(data.train, worst)(y, y) == 0.5
    assert data.scorer(data.train, worst).whole
    assert asked == [({"kind", "price"},) * 2]


def test_the_name_of_a_score_for_one_output_is_refused_before_training():
    X, y = offers(40)
    with pytest.raises(InvalidInput, match="scores one output, and the model has 2"):
        remedy.fit(two_heads(), X, y, search=remedy.Search(objective="r2"))


@pytest.mark.parametrize("names", [["kind"], ["kind", "prize"]])
def test_labels_that_name_other_outputs_are_refused_before_training(names):
    X, y = offers(40)
    labels = {name: next(iter(y.values())) for name in names}
    with pytest.raises(InvalidInput, match="outputs are 'kind', 'price'"):
        remedy.fit(two_heads(), X, labels)
