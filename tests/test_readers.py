"""Which layers first make use of an input."""

import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.errors import NotApplicable
from remedy.evidence.static import static_evidence
from remedy.recipe.architecture import Architecture
from remedy.recipe.readers import readers, takes_ids
from remedy.recipe.recipe import Recipe
from remedy.remedies.scale_inputs import ScaleInputs


def _read(model):
    architecture = Architecture.from_serialized(keras.saving.serialize_keras_object(model))
    name = architecture.inputs()[0]["config"]["name"]
    return [layer["class_name"] for layer in readers(architecture, name)], takes_ids(architecture, name)


def test_what_only_disturbs_or_moves_values_is_passed_and_a_nested_model_is_entered():
    body = keras.Sequential([keras.Input((8, 8, 3)), layers.Rescaling(1 / 255), layers.Conv2D(2, 3)])
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.RandomFlip(), layers.Dropout(0.1), body, layers.Flatten()])
    assert _read(model) == (["Rescaling"], False)


def test_a_slice_of_an_input_that_is_looked_up_holds_ids():
    given = keras.Input((2,))
    model = keras.Model(given, layers.Dense(1)(layers.Embedding(10, 4)(given[:, 0])))
    assert _read(model) == (["Embedding"], True)


def _recipe(*body):
    model = keras.Sequential([*body, layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return Recipe.from_model(model, {"epochs": 1})


def test_a_model_that_scales_behind_its_augmentation_is_not_called_unscaled():
    X = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 3)).astype("uint8")
    data = Dataset(Rows(X, np.arange(40) % 2), None, "binary")
    inside = _recipe(keras.Input((8, 8, 3)), layers.RandomFlip(), layers.Rescaling(1 / 255), layers.Flatten())
    plain = _recipe(keras.Input((8, 8, 3)), layers.RandomFlip(), layers.Flatten())
    assert [static_evidence(r, data).inputs[0].normalized_inside for r in (inside, plain)] == [True, False]


def test_ids_are_not_scaled():
    data = Dataset(Rows(np.arange(80).reshape(40, 2), np.arange(40) % 2), None, "binary")
    recipe = _recipe(keras.Input((2,)), layers.Embedding(80, 4), layers.Flatten())
    with pytest.raises(NotApplicable, match="every input holds ids"):
        ScaleInputs().apply(recipe, data, kind="standard")
