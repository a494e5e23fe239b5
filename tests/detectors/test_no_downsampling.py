import keras
import pytest
from keras import layers

from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence
from remedy.remedies.simplify_architecture import SimplifyArchitecture
from remedy.testing import check_patch, check_rewritten

from ..conftest import blobs, stuck_run_of


def _stuck_run(*parts, shape=(24, 24, 1), units=64):
    hidden = [layers.Flatten(), layers.Dense(units, activation="relu"), layers.Dense(3, activation="softmax")]
    model = keras.Sequential([keras.Input(shape), *parts, *hidden])
    model.compile("adam", "categorical_crossentropy")
    X, y = blobs(rows=90, columns=shape[0] * shape[1])
    return stuck_run_of(model, X.reshape(-1, *shape), y)


def _found(*parts, **how):
    return diagnose(static_evidence(*_stuck_run(*parts, **how)), registry.detectors(["ARC308"])).diagnoses


def _conv(filters=8, **how):
    return layers.Conv2D(filters, 3, activation="relu", **how)


def test_two_convolutions_at_full_resolution_before_a_wide_dense_layer_are_found():
    (found,) = _found(_conv(), _conv())
    assert "576 positions" in found.message
    assert "training rows" in found.message


@pytest.mark.parametrize(
    "parts",
    [
        (_conv(), layers.MaxPooling2D(), _conv()),
        (_conv(strides=2), _conv()),
        (_conv(), _conv(), layers.AveragePooling2D(2)),
        (_conv(),),
    ],
)
def test_pooling_a_stride_or_a_single_convolution_are_left_alone(parts):
    assert _found(*parts) == ()


def test_a_narrow_dense_layer_is_left_alone():
    assert _found(_conv(2), _conv(2), units=4) == ()


def test_the_first_convolution_of_such_a_net_gets_a_stride():
    recipe, data = _stuck_run(_conv(), _conv())
    dose = SimplifyArchitecture().usual_doses(recipe, data)[0]
    assert dose["stem"] == 2
    changed = check_rewritten(SimplifyArchitecture(), recipe, data, train=False, **dose)
    check_patch(SimplifyArchitecture(), recipe, data, **dose)
    strides = [la["config"]["strides"] for la in changed.architecture.layers("Conv2D")]
    assert [list(s) for s in strides] == [[2, 2], [1, 1]]


def test_a_net_that_pools_already_gets_no_stride():
    recipe, data = _stuck_run(_conv(), layers.MaxPooling2D(), _conv())
    assert SimplifyArchitecture().usual_doses(recipe, data)[0]["stem"] == 1
