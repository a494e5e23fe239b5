import keras
import numpy as np
import pytest
from keras import layers

from remedy.detectors.flat_loss import FlatLoss

from ..conftest import blobs, stuck_run_of
from ..watch import named, watched


def _stack(activation, initializer):
    model = keras.Sequential([keras.Input((6,))])
    for _ in range(3):
        model.add(layers.Dense(8, activation=activation, kernel_initializer=initializer))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy")
    return watched(*stuck_run_of(model, *blobs(rows=500), epochs=7))


def test_sigmoids_on_tiny_weights_are_found_at_ln_3_in_the_sixth_epoch():
    recorder = _stack("sigmoid", keras.initializers.RandomNormal(stddev=0.01))
    found = next(d for d in recorder.examination.diagnoses if d.name == "flat-loss")
    assert found.epoch == 6  # After the first it had still fallen; the five after that say it.
    assert "a constant answer costs 1.094" in found.message
    assert abs(found.measured["loss"] - np.log(3)) < 0.03
    assert recorder.examination.stuck


def test_the_same_stack_of_well_initialized_relus_learns_and_is_left_alone():
    recorder = _stack("relu", "he_normal")
    assert "flat-loss" not in named(recorder)
    assert not recorder.examination.stuck


def test_a_loss_that_rests_is_waited_for_over_a_quarter_of_the_plan():
    resting = {"loss": [0.6932] * 9, "prior_loss": 0.6931}
    assert FlatLoss().detect(**resting, epochs_planned=40) is None
    assert "For 9 epochs" in FlatLoss().detect(**resting, epochs_planned=36).message


@pytest.mark.parametrize(
    "better",
    [
        {"loss": [0.69, 0.68, 0.66, 0.64, 0.61]},
        {"loss": [0.80, 0.77, 0.74, 0.72, 0.70]},
        {"probe_loss": [0.4] * 5},
        {"probe_score": [0.5, 0.7, 0.8, 0.8, 0.8], "constant_score": 0.5},
        {"loss": [0.6931] * 4 + [float("nan")]},
    ],
    ids=["below", "falling", "only a weight penalty", "rows told apart", "not finite"],
)
def test_a_loss_near_the_constant_for_another_reason_is_left_alone(better):
    resting = {"loss": [0.6931] * 5, "prior_loss": 0.6931}
    assert FlatLoss().detect(**resting) is not None
    assert FlatLoss().detect(**{**resting, **better}) is None


@pytest.mark.parametrize(
    "loss",
    [[5.735, 19.68, 183.3, 1742.0, 16720.0, 161100.0], [0.922, 2.392, 0.919, 2.252, 4.392, 1.777, 1.466, 3.003]],
    ids=["runs away", "swings"],
)
def test_a_loss_that_moves_far_above_the_constant_is_not_called_flat(loss):
    assert FlatLoss().detect(loss=loss, prior_loss=loss[0]) is None


def test_without_a_constant_answer_to_compare_with_a_loss_must_have_rested_from_its_start():
    resting = {"loss": [2.3027, 2.3026, 2.3027, 2.3025, 2.3026, 2.3026]}
    assert "has not left where it began: 2.303 to 2.303" in FlatLoss().detect(**resting).message
    assert FlatLoss().detect(loss=resting["loss"][:5]) is None


@pytest.mark.parametrize(
    "better",
    [
        {"loss": [3.1, 2.3, 2.3, 2.3, 2.3, 2.3]},
        {"loss": [2.301, 2.296, 2.291, 2.287, 2.282, 2.277]},
        {"val_loss": [2.3, 2.25, 2.2, 2.1, 2.0, 1.9]},
        {"metrics": {"accuracy": [0.1, 0.1, 0.11, 0.12, 0.13, 0.14]}},
        {"metrics": {"val_accuracy": [97.0] * 6}},
        {"probe_score": [0.2, 0.3, 0.4, 0.4, 0.5, 0.5]},
        {"loss": [-1.0] * 6},
        {"loss": [2.3, 2.3, 2.3, 2.3, 2.3, float("nan")]},
    ],
    ids=["fell at first", "falls steadily", "validation", "accuracy", "solved", "probe rows", "negative", "not finite"],
)
def test_without_a_constant_answer_any_progress_counts(better):
    resting = {"loss": [2.3027, 2.3026, 2.3027, 2.3025, 2.3026, 2.3026]}
    assert FlatLoss().detect(**resting) is not None
    assert FlatLoss().detect(**{**resting, **better}) is None
