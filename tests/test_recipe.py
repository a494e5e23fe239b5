import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.errors import ModelError
from remedy.recipe.input_scaling import InputScaling, scaling_layers
from remedy.recipe.recipe import Recipe

from .conftest import blobs, dense, stuck_run_of


def test_a_recipe_survives_json_and_builds_the_same_network():
    recipe, data = stuck_run_of(dense(norm=True, dropout=0.2), *blobs())
    back = Recipe.from_dict(recipe.to_dict())
    assert back.digest == recipe.digest
    first, second = recipe.build(data, 5), back.build(data, 5)
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))


def test_building_does_not_change_the_recipe():
    rate = keras.optimizers.schedules.CosineDecay(0.01, 100)
    recipe, data = stuck_run_of(dense(optimizer=keras.optimizers.Adam(rate)), *blobs())
    before = recipe.digest
    recipe.build(data, 0)
    assert Recipe.from_dict(recipe.to_dict()).digest == before
    assert recipe.learning_rate == 0.01


def test_another_seed_gives_other_weights():
    recipe, data = stuck_run_of(dense(), *blobs())
    assert not np.array_equal(recipe.build(data, 0).get_weights()[0], recipe.build(data, 1).get_weights()[0])


def test_scaling_is_fitted_on_the_training_rows_only():
    X, y = blobs(shift=50.0)
    recipe, data = stuck_run_of(dense(), X, y)
    data.validation.X[:] = 1e6
    model = recipe.replace(input_scaling=InputScaling("standard")).build(data, 0)
    scaled = model.layers[0](data.train.X)
    assert np.allclose(np.mean(scaled, axis=0), 0, atol=1e-3)
    assert np.allclose(np.std(scaled, axis=0), 1, atol=1e-3)


@pytest.mark.parametrize("kind", ["standard", "minmax", "robust", "log", "per-sample"])
def test_a_saved_scaled_model_loads_safely_and_answers_the_same_to_raw_rows(kind, tmp_path):
    X, y = blobs(scale=30.0, shift=500.0)
    recipe, data = stuck_run_of(dense(), X, y)
    model = recipe.replace(input_scaling=InputScaling(kind)).build(data, 0)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    assert np.allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6)


def test_a_column_that_never_varies_is_not_divided_by_nothing():
    rows = np.ones((50, 3))
    rows[:, 0] = np.random.default_rng(0).normal(0, 10, 50)
    config = scaling_layers(InputScaling("standard"), rows)[0]["config"]
    assert config["variance"][1] == pytest.approx(config["variance"][0])


def test_every_input_of_a_model_is_scaled_by_itself_and_ids_are_not():
    a, b, ids = keras.Input((3,), name="a"), keras.Input((4, 1), name="b"), keras.Input((5,), name="ids", dtype="int32")
    parts = [layers.Dense(2)(a), layers.Flatten()(b), layers.Flatten()(layers.Embedding(9, 2)(ids))]
    model = keras.Model([a, b, ids], layers.Dense(1)(layers.Concatenate()(parts)))
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    X = [rng.normal(100, 5, (40, 3)), rng.normal(-7, 2, (40, 4, 1)), rng.integers(0, 9, (40, 5))]
    data = Dataset(Rows(X, rng.normal(size=40)), None, "regression")
    built = Recipe.from_model(model, {}).replace(input_scaling=InputScaling("standard")).build(data, 0)
    scalings = [layer for layer in built.layers if isinstance(layer, layers.Normalization)]
    assert len(scalings) == 2
    assert built.predict(X, verbose=0).shape == (40, 1)


def test_frozen_and_adapted_layers_keep_their_weights():
    X, y = blobs(shift=20.0)
    adapted = layers.Normalization(name="own_scaling")
    adapted.adapt(X)
    frozen = layers.Dense(8, trainable=False, name="frozen")
    model = keras.Sequential([keras.Input((6,)), adapted, frozen, layers.Dense(3, activation="softmax")])
    model.compile("adam", "categorical_crossentropy")
    recipe, data = stuck_run_of(model, X, y)
    built = recipe.build(data, 7)
    assert np.array_equal(built.get_layer("frozen").kernel, frozen.kernel)
    assert np.allclose(built.get_layer("own_scaling").mean, adapted.mean)


def test_a_loss_function_and_a_layer_of_the_users_own_are_rebuilt():
    class Doubling(layers.Layer):
        def call(self, x):
            return 2 * x

    def shifted(y_true, y_pred):
        return keras.ops.mean((y_true - y_pred) ** 2, axis=-1) + 1.0

    model = keras.Sequential([keras.Input((6,)), Doubling(), layers.Dense(3)])
    model.compile("adam", shifted)
    recipe, data = stuck_run_of(model, *blobs())
    assert recipe.build(data, 0).evaluate(data.train.X, data.train.y, verbose=0) > 1.0


def test_a_model_that_is_not_compiled_is_refused():
    with pytest.raises(ModelError, match=r"model\.compile"):
        Recipe.from_model(keras.Sequential([keras.Input((2,)), layers.Dense(1)]), {})


def test_code_in_a_recipe_read_from_a_store_does_not_run():
    model = keras.Sequential([keras.Input((6,)), layers.Lambda(lambda x: x), layers.Dense(3)])
    model.compile("adam", "mse")
    recipe, data = stuck_run_of(model, *blobs())
    recipe.build(data, 0)
    with pytest.raises(ModelError):
        Recipe.from_dict(recipe.to_dict()).build(data, 0)
