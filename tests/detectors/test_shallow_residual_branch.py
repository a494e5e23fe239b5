import keras
import numpy as np
from keras import layers

from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import stuck_run_of


def _found(depth, project, join=layers.Add):
    """A residual net on eight columns: so many layers beside a shortcut that is a layer itself or none."""
    inputs = keras.Input((8,))
    start = layers.Dense(16, activation="relu")(inputs)
    x = start
    for _ in range(depth):
        x = layers.BatchNormalization()(layers.Dense(16, activation="relu")(x))
    shortcut = layers.Dense(16)(start) if project else start
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(join(name="sum")([x, shortcut])))
    model.compile("adam", "categorical_crossentropy")
    X = np.random.default_rng(0).normal(size=(60, 8)).astype("float32")
    evidence = static_evidence(*stuck_run_of(model, X, np.eye(3, dtype="float32")[np.arange(60) % 3]))
    return [d.message for d in diagnose(evidence, registry.detectors(["ARC309"])).diagnoses]


def test_a_block_whose_inner_layer_was_never_called_is_pointed_out():
    (message,) = _found(1, project=True)
    assert "'sum' adds a way of 1 layer" in message
    assert len(_found(1, project=False)) == 1


def test_blocks_of_two_layers_are_left_alone():
    assert _found(2, project=True) == []
    assert _found(2, project=False) == []


def test_ways_that_are_put_side_by_side_and_not_added_are_left_alone():
    assert _found(1, project=True, join=layers.Concatenate) == []


def test_a_sum_of_two_inputs_has_no_place_where_its_ways_part():
    inputs = [keras.Input((8,)), keras.Input((8,))]
    model = keras.Model(inputs, layers.Dense(1)(layers.Add()([layers.Dense(4)(x) for x in inputs])))
    model.compile("adam", "mse")
    X = np.random.default_rng(0).normal(size=(60, 8)).astype("float32")
    evidence = static_evidence(*stuck_run_of(model, [X, X], X[:, :1]))
    assert diagnose(evidence, registry.detectors(["ARC309"])).diagnoses == ()
