from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, dense, stuck_run_of


def _found(**fit):
    evidence = static_evidence(*stuck_run_of(dense(), *blobs(rows=500), **fit))
    return diagnose(evidence, registry.detectors(["OPT415"])).diagnoses


def test_a_few_epochs_of_large_batches_are_found_with_their_steps():
    (found,) = _found(epochs=10, batch_size=100)
    assert "40 steps in all" in found.message


def test_a_usual_plan_is_left_alone():
    assert _found(epochs=30, batch_size=32) == ()
