import keras
import pytest
from keras import layers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import Evidence
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe

from ..conftest import blobs


def _found(model, X, y, task="binary"):
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), task)
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 2}), data)
    return diagnose(evidence, registry.detectors(["HED210"])).diagnoses


def _model(units, activation, loss, columns=6, metrics=None):
    model = keras.Sequential(
        [keras.Input((columns,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


def _of_run(**values):
    return diagnose(Evidence(**values), registry.detectors(["class-blind-metrics"])).diagnoses


def _metrics(**bound):
    return ["accuracy", keras.metrics.Precision(name="p", **bound), keras.metrics.Recall(name="r", **bound)]


def test_precision_and_recall_over_both_softmax_columns_are_found_and_really_equal_accuracy():
    X, y = blobs(rows=300, classes=2)
    model = _model(2, "softmax", "categorical_crossentropy", metrics=_metrics())
    (found,) = _found(model, X, y)
    assert found.severity == "warning"
    assert "Precision and Recall name no class" in found.message
    history = model.fit(X, y, epochs=2, verbose=0).history
    assert history["p"] == pytest.approx(history["accuracy"], abs=1e-6)
    assert history["r"] == pytest.approx(history["accuracy"], abs=1e-6)


def test_metrics_bound_to_a_class_are_left_alone():
    X, y = blobs(rows=300, classes=2)
    assert _found(_model(2, "softmax", "categorical_crossentropy", metrics=_metrics(class_id=1)), X, y) == ()


def test_precision_and_recall_of_one_sigmoid_unit_are_left_alone():
    X, y = blobs(rows=300, classes=2)
    assert _found(_model(1, "sigmoid", "binary_crossentropy", metrics=_metrics()), X, y[:, 1]) == ()


def test_with_more_than_two_classes_it_is_less_sure():
    X, y = blobs(rows=300)
    model = _model(3, "softmax", "categorical_crossentropy", metrics=_metrics())
    (found,) = _found(model, X, y, "multiclass")
    assert found.confidence == 0.6


def test_three_metrics_that_are_one_number_are_found_in_the_logs_of_a_run_alone():
    same = {"val_accuracy": (0.7, 0.8), "val_precision_3": (0.7, 0.8), "val_recall_3": (0.7, 0.8)}
    (found,) = _of_run(task="binary", loss=(0.6, 0.5), metrics=same)
    assert "all 2 epochs (0.8000 in the last)" in found.message


@pytest.mark.parametrize(
    ("precision", "recall"),
    [((0.7, 0.81), (0.7, 0.8)), ((0.7, float("nan")), (0.7, 0.8)), ((0.7,), (0.7,)), ((), ())],
)
def test_metrics_that_differ_or_have_holes_are_left_alone(precision, recall):
    metrics = {"accuracy": (0.7, 0.8), "precision": precision, "recall": recall}
    assert _of_run(task="binary", metrics=metrics) == ()


def test_a_run_that_is_always_right_or_always_wrong_is_left_alone():
    for value in (1.0, 0.0):
        assert _of_run(task="binary", metrics=dict.fromkeys(("accuracy", "precision", "recall"), (value, value))) == ()


def test_accuracy_as_the_only_metric_is_found_where_one_class_rules():
    X, y = blobs(rows=500, classes=2, shares=[0.95, 0.05])
    (found,) = _found(_model(2, "softmax", "categorical_crossentropy", metrics=["accuracy"]), X, y)
    assert found.measured["majority_share"] > 0.9
    both = ["accuracy", keras.metrics.AUC()]
    assert _found(_model(2, "softmax", "categorical_crossentropy", metrics=both), X, y) == ()
    X, y = blobs(rows=500, classes=2)
    assert _found(_model(2, "softmax", "categorical_crossentropy", metrics=["accuracy"]), X, y) == ()
