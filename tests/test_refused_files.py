"""Files that a store refuses are missing, and that is said; the rest of the record is whole."""

import sys
import warnings

import mlflow
import pytest

import remedy
from remedy.errors import RemedyWarning
from remedy.tracking.connection import use_default_store

from .conftest import blobs, dense


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a folder in which even root writes nothing")
def test_a_store_that_takes_no_file_keeps_every_point_and_the_verdict(store):
    use_default_store()
    client = mlflow.MlflowClient()
    client.create_experiment("ecg", artifact_location="file:///proc/nothing")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = remedy.fit(dense(), *blobs(), epochs=6, verbose=0, experiment="ecg", search=False)
    run = client.get_run(result.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["remedy.verdict"] == "healthy"
    assert len(client.get_metric_history(result.run_id, "loss")) == 6
    told = [str(w.message) for w in caught if w.category is RemedyWarning and "did not take" in str(w.message)]
    assert 1 <= len(told) <= 3
    assert "everything else of it is logged" in told[0]
    assert "/proc/nothing" in told[0]
