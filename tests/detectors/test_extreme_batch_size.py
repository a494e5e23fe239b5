import pytest

from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, dense, stuck_run_of


def _found(rows=500, **fit):
    evidence = static_evidence(*stuck_run_of(dense(), *blobs(rows=rows), **fit))
    return diagnose(evidence, registry.detectors(["OPT413"])).diagnoses


def test_one_row_a_step_is_found_with_rows_and_steps():
    (found,) = _found(batch_size=1)
    assert "1 of 400" in found.message
    assert "400 steps" in found.message


@pytest.mark.parametrize("batch_size", [400, 1000])
def test_a_batch_of_all_rows_is_found_with_rows_and_steps(batch_size):
    (found,) = _found(batch_size=batch_size, epochs=20)
    assert "400 training rows" in found.message
    assert "20 in 20 epochs" in found.message


@pytest.mark.parametrize("batch_size", [None, 8, 32, 256])
def test_usual_batches_are_left_alone(batch_size):
    assert _found(batch_size=batch_size) == ()


def test_few_rows_and_very_many_epochs_are_left_alone():
    assert _found(rows=60, batch_size=64) == ()
    assert _found(rows=15, batch_size=1) == ()
    assert _found(batch_size=400, epochs=2000) == ()
