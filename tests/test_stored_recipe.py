"""A recipe that was read from a store: what is not one is refused in a sentence, whatever it holds."""

import json
from contextlib import suppress

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.errors import ModelError, NotApplicable
from remedy.recipe.recipe import Recipe
from remedy.recipe.stored import KINDS

DATA = Dataset(Rows(np.zeros((4, 3), "float32"), np.array([0, 1, 2, 0])), None, "multiclass")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def stored():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return json.loads(json.dumps(Recipe.from_model(model, {"epochs": 2}).to_dict()))


STORED = stored()


def test_every_key_that_is_written_has_a_kind_and_comes_back():
    assert set(STORED) == set(KINDS)
    assert Recipe.from_dict(STORED).digest == Recipe.from_dict(json.loads(json.dumps(STORED))).digest


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"epochs": "many"}, "epochs='many', a str"),
        ({"epochs": True}, "a bool"),
        ({"shuffle": 1}, "shuffle='1', a int"),
        ({"class_weight": {"a": 1.0}}, "cannot be read"),
        ({"input_scaling": {"kind": "standard", "path": "/etc"}}, "cannot be read"),
        ({"trusted": True}, "'trusted', which no recipe has"),
    ],
)
def test_a_value_of_another_kind_is_named(change, says):
    with pytest.raises(ModelError, match="Train the run anew") as told:
        Recipe.from_dict({**STORED, **change})
    assert says in str(told.value)


@pytest.mark.parametrize("data", [None, [], "recipe", {}, {"architecture": {}}])
def test_what_is_no_recipe_at_all_is_refused(data):
    with pytest.raises(ModelError):
        Recipe.from_dict(data)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(KINDS)), VALUES)
def test_any_value_anywhere_makes_a_recipe_or_one_clear_error(key, value):
    with suppress(ModelError, NotApplicable):
        Recipe.from_dict({**STORED, key: value}).build(DATA, 0)
