import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.detectors.neglected_class import NeglectedClass
from remedy.evidence.evidence import Shallow
from remedy.recipe.recipe import Recipe

from ..watch import named, watched

LINEAR = Shallow(2, 0.75, 0.01, 0.5, "a linear model")


def _rare_events(class_weight=None):
    """One row in twenty-two is an event, a bit to the right of the others and never among them for sure."""
    rng = np.random.default_rng(0)
    ids = (rng.random(1000) < 0.06).astype("float32")
    X = rng.standard_normal((1000, 3)).astype("float32")
    X[:, 0] += 1.5 * ids
    y = ids[:, None]
    model = keras.Sequential([keras.Input((3,)), layers.Dense(8, activation="relu")])
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    data = Dataset(Rows(X[:800], y[:800]), Rows(X[800:], y[800:]), "binary")
    return watched(Recipe.from_model(model, {"epochs": 5, "class_weight": class_weight}), data)


def test_a_rare_class_that_is_never_found_is_named_with_its_rows():
    recorder = _rare_events()
    found = next(d for d in recorder.examination.diagnoses if d.name == "neglected-class")
    assert found.epoch == 4
    assert found.measured["recall"] == 0.0
    assert "Class 1 (36 rows, 4.5%) is found in 0% of its rows" in found.message
    assert recorder.examination.cause is found


def test_the_same_net_with_class_weights_finds_the_rare_class_and_is_left_alone():
    recorder = _rare_events({0: 0.52, 1: 11.0})
    assert "neglected-class" not in named(recorder)
    assert not recorder.examination.stuck
    assert recorder.evidence.probe_recalls[-1][1] > 0.5


def _detect(recalls, counts=None, score=0.51, shallow=LINEAR, planned=8):
    seen = {"probe_recalls": recalls, "probe_score": [score] * len(recalls), "epochs_planned": planned}
    return NeglectedClass().detect(class_counts=counts or {0: 950, 1: 50}, shallow=shallow, **seen)


def test_of_three_classes_the_rare_one_is_named_by_its_label():
    three = _detect([(0.9, 0.8, 0.0)] * 4, {0: 600, 3: 350, 7: 50})
    assert three.message.startswith("Class 7 (50 rows, 5.0%)")
    assert _detect([(0.9, 0.0, 0.8)] * 4, {0: 500, 1: 300, 2: 200}) is None


@pytest.mark.parametrize(
    "other",
    [
        {"recalls": [(1.0, 0.0)] * 3},
        {"recalls": [(1.0, 0.0)] * 4, "planned": 20},
        {"recalls": [(1.0, 0.0), (1.0, 0.3), (1.0, 0.0), (1.0, 0.0)]},
        {"recalls": [(0.0, 1.0)] * 4},
        {"recalls": [(1.0,)] * 4},
        {"recalls": [(1.0, 0.0)] * 4, "shallow": Shallow(2, 0.58, 0.01, 0.5, "a linear model")},
    ],
    ids=["three epochs", "early in the plan", "found once", "the frequent class", "not probed", "hard for any model"],
)
def test_a_class_that_is_not_surely_neglected_is_left_alone(other):
    assert _detect([(1.0, 0.0)] * 4) is not None
    assert _detect(**other) is None
