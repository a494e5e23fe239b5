import numpy as np
import pytest

from remedy import registry
from remedy.detectors.constant_accuracy import ConstantAccuracy
from remedy.tracking import logged_evidence
from remedy.tracking.metric_history import Points

from ..bare_loop import trained

RESTING = {"loss": [2.61, 2.31, 2.303, 2.302, 2.303, 2.302], "metrics": {"val_accuracy": [0.1] * 6}}


def _found(**options):
    _, per_epoch = trained(**options)
    loss, held, accuracy = (Points(np.arange(12), np.arange(12) * 1000, column) for column in per_epoch.T)
    logged = logged_evidence.evidence_of({"train_loss": loss, "val_loss": held, "val_acc": accuracy})
    return logged_evidence.examine(logged, registry.detectors(["constant-accuracy"]))


def test_a_loop_that_trains_no_weights_is_found_in_the_sixth_epoch():
    found = _found(frozen=True)
    assert found.cause.epoch == 6
    assert "never gained 0.01" in found.cause.message


def test_the_same_loop_that_trains_its_weights_is_left_alone():
    assert not _found().stuck


def test_per_cent_are_shares():
    found = ConstantAccuracy().detect(**{**RESTING, "metrics": {"accuracy": [10.0] * 6}})
    assert found.measured["best"] == 0.1


@pytest.mark.parametrize(
    "better",
    [
        {"loss": [2.30, 2.29, 2.27, 2.25, 2.21, 2.1]},
        {"metrics": {"val_accuracy": [0.1, 0.1, 0.11, 0.12, 0.14, 0.15]}},
        {"metrics": {"val_accuracy": [0.1] * 6, "accuracy": [0.1, 0.12, 0.15, 0.2, 0.3, 0.4]}},
        {"metrics": {"accuracy": [0.95] * 6}},
        {"metrics": {"accuracy": [0.0] * 6}},
        {"metrics": {"f1": [0.1] * 6}},
        {"loss": [2.3] * 5},
        {"predicted_counts": [(10, 10)] * 6},
    ],
    ids=["loss falls", "gains", "training gains", "high", "of numbers", "none", "too early", "remedy saw more"],
)
def test_an_accuracy_that_rests_for_another_reason_is_left_alone(better):
    assert ConstantAccuracy().detect(**RESTING) is not None
    assert ConstantAccuracy().detect(**{**RESTING, **better}) is None
