import keras
import numpy as np
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.recipe.recipe import Recipe
from remedy.remedies.class_aware_metrics import ClassAwareMetrics
from remedy.testing import check_rewritten, check_unchanged

from ..conftest import blobs, dense, stuck_run_of


def test_one_hot_classes_get_macro_f1():
    changed = check_rewritten(ClassAwareMetrics(), *stuck_run_of(dense(), *blobs()))
    assert changed.metrics[0]["class_name"] == "F1Score"


def test_two_classes_get_recall_precision_and_area():
    X = np.random.default_rng(0).standard_normal((40, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    data = Dataset(Rows(X, (X[:, :1] > 0).astype("float32")), None, "binary")
    changed = check_rewritten(ClassAwareMetrics(), Recipe.from_model(model, {}), data)
    assert [m if isinstance(m, str) else m["class_name"] for m in changed.metrics] == [
        "Recall",
        "Precision",
        "AUC",
        "accuracy",
    ]


def test_a_regression_is_left_as_it_is():
    recipe, data = stuck_run_of(dense(), *blobs())
    check_unchanged(ClassAwareMetrics(), recipe, Dataset(data.train, None, "regression"))


def test_f1_is_not_put_on_masks_which_it_cannot_take():
    X = np.random.default_rng(0).standard_normal((20, 4, 4, 1)).astype("float32")
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(3, 1, activation="softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    masks = np.eye(3, dtype="float32")[np.random.default_rng(1).integers(0, 3, (20, 4, 4))]
    check_unchanged(ClassAwareMetrics(), Recipe.from_model(model, {}), Dataset(Rows(X, masks), None, "multiclass"))
