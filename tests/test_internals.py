"""What remedy knows of the inside of Keras and MLflow: where a release moves a name, a test here fails."""

import keras
import mlflow
import numpy as np
import pytest
from mlflow.data.code_dataset_source import CodeDatasetSource

from remedy import keras_internals as internals
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.recipe import seeds
from remedy.recipe.own_callbacks import left_out
from remedy.recipe.own_parts import live_loss, own_parts
from remedy.recipe.recipe import Recipe
from remedy.tracking import internals as mlflow_internals
from remedy.tracking import metric_history


class Twice(keras.layers.Layer):
    """Doubles what it is given."""

    def call(self, inputs):
        return 2 * inputs


class Told(keras.callbacks.Callback):
    """Does nothing."""


def distance(truth, answer):
    """Return a squared error."""
    return keras.ops.mean((truth - answer) ** 2, axis=-1)


@pytest.fixture(params=["keras_parts", "numpy_layers", "jaxline"])
def module(request, monkeypatch):
    """The name of a script in which all these parts stand."""
    for part in (Twice, Told, distance):
        monkeypatch.setattr(part, "__module__", request.param)
    return request.param


def test_parts_of_a_script_called_like_a_package_are_the_users(module):
    model = keras.Sequential([keras.Input((2,)), Twice(), keras.layers.Dense(1)])
    model.compile(loss=distance)
    assert {"Twice", "distance"} <= set(own_parts(model))
    assert live_loss(model) is distance
    assert left_out([Told(), keras.callbacks.EarlyStopping()]) == ["Told"]


def test_a_layer_of_a_script_called_like_a_package_is_built_anew(module):
    model = keras.Sequential([keras.Input((2,)), Twice(), keras.layers.Dense(1)])
    model.compile(loss=distance)
    X = np.ones((20, 2), "float32")
    recipe = Recipe.from_model(model, {"epochs": 1})
    assert type(recipe.build(Dataset(Rows(X, X[:, :1]), None, "regression"), 0).layers[0]).__name__ == "Twice"


def _nested():
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="inner")], name="nest")
    first = keras.Input((3,), name="first")
    return keras.Model({"a": first}, keras.layers.Dropout(0.1, name="last")(inner(first)))


def _names(layers):
    return {layer.name for layer in layers} - {"input_layer"}


def test_names_that_keras_does_not_promise_are_where_they_were():
    model = _nested()
    model.compile("sgd", "mse")
    assert {"nest", "inner", "last"} <= _names(internals.every_layer(model))
    assert model in internals.every_layer(model, itself=True)
    assert {"nest", "last"} <= _names(internals.own_layers(model))
    assert internals.compile_arguments(model)["loss"] == "mse"
    assert [internals.takes_training(layer) for layer in model.layers[-2:]] == [True, True]
    assert internals.calls_of(model.layers[-1]) == 1
    assert set(internals.input_structure(model)) == {"a"}
    assert keras.saving.serialize_keras_object(keras.Model(*[keras.Input((1,))] * 2))["module"] == (
        internals.functional_module()
    )
    assert internals.operation_modules() == ("keras.src.ops.", "keras.src.activations.")
    assert internals.numpy_module() == "keras.src.ops.numpy"
    keras.utils.set_random_seed(3)
    assert internals.random_state() == internals.seeded_state(3) != {}
    if keras.backend.backend() == "tensorflow":
        assert internals.tensorflow_context() is not None
        assert len(internals.gradient_registry()) > 0
    model.fit({"a": np.ones((4, 3))}, np.ones((4, 2)), verbose=0)
    assert float(internals.running_loss(model)) > 0


class Bare:
    """A model of a Keras that has moved everything."""

    def __init__(self, *layers):
        self.layers, self.inputs = list(layers), ["x"]


def test_where_keras_has_moved_a_name_there_is_a_way_around():
    inner = Bare(Bare())
    model = Bare(inner)
    assert internals.every_layer(model, itself=True) == [model, inner, inner.layers[0]]
    assert internals.own_layers(model) == [inner]
    assert internals.compile_arguments(model) == {}
    assert not internals.takes_training(model)
    assert internals.calls_of(model) == 0
    assert internals.input_structure(model) == ["x"]
    assert internals.running_loss(model) == 0.0


def test_without_keras_own_global_state_seeds_are_set_by_its_public_function(monkeypatch):
    monkeypatch.setattr(seeds, "seeded_state", lambda seed: {})
    seeds.set_seeds(5, own_code=False)
    first = keras.random.normal((2,))
    seeds.set_seeds(5, own_code=False)
    np.testing.assert_array_equal(first, keras.random.normal((2,)))


def test_names_that_mlflow_does_not_promise_are_where_they_were(store):
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 0.5, step=3)
    found = mlflow.get_run(run.info.run_id)
    assert hasattr(mlflow_internals.store(), "ManagedSessionMaker")
    assert [(m.key, m.step) for m in mlflow_internals.last_points(found)] == [("loss", 3)]
    assert mlflow_internals.source_type(CodeDatasetSource(tags={})) == "code"


def test_where_mlflow_gives_no_steps_with_a_run_the_last_points_are_read(store, monkeypatch):
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", 0.25, step=2)
    monkeypatch.setattr(metric_history, "last_points", lambda run: [])
    step, _, value = metric_history.latest_points(mlflow.get_run(run.info.run_id))["loss"]
    assert (step, value) == (2, 0.25)


def test_a_layer_whose_own_attribute_is_called_layers_holds_none():
    class Stack(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.layers = 3

    assert internals.own_layers(Stack()) == []
