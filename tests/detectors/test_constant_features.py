import numpy as np

from remedy import registry
from remedy.detectors.constant_features import ConstantFeatures
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import InputFacts
from remedy.evidence.static import static_evidence

from ..conftest import blobs, dense, stuck_run_of


def _found(X, y):
    evidence = static_evidence(*stuck_run_of(dense(columns=X.shape[1]), X, y))
    return diagnose(evidence, registry.detectors(["DAT103"])).diagnoses


def test_columns_with_one_value_are_counted():
    X, y = blobs()
    X[:, [1, 4]] = 7.0
    (found,) = _found(X, y)
    assert found.severity == "warning"
    assert "2 of the 6 columns" in found.message


def test_a_table_of_mostly_constant_columns_is_more_certain():
    X, y = blobs()
    X[:, 1] = 7.0
    (few,) = _found(X, y)
    X[:, 1:] = 7.0
    (most,) = _found(X, y)
    assert most.confidence > few.confidence


def test_columns_that_all_vary_are_left_alone():
    assert _found(*blobs()) == ()


def test_flattened_pictures_with_a_constant_border_are_left_alone():
    y = blobs(rows=200)[1]
    for side in (8, 28):
        pictures = np.random.default_rng(0).random((200, side, side)).astype("float32")
        pictures[:, 0] = 0.0
        assert _found(pictures.reshape(200, -1), y) == ()


def test_a_handful_of_rows_says_nothing_about_a_column():
    table = InputFacts("table", (8,), -3.0, 3.0, 0.0, 1.0, columns=8, constant=2)
    assert ConstantFeatures().detect(inputs=[table], n_train=5) is None
    assert ConstantFeatures().detect(inputs=[table]) is not None
    assert ConstantFeatures().detect(inputs=[]) is None
