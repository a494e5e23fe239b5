"""The rows that a store keeps: found by their digest alone, and read by who keeps them."""

import os
import stat

import mlflow
import pytest

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.tracking import artifacts
from remedy.tracking.connection import experiment_id, use_default_store

from .conftest import blobs


@pytest.fixture
def kept(store):
    """A run and its rows, which are kept."""
    use_default_store()
    run = mlflow.MlflowClient().create_run(experiment_id("ecg"))
    X, y = blobs(rows=40)
    dataset = Dataset(Rows(X, y), None, "multiclass")
    assert artifacts.keep_data(run.info.run_id, dataset, None)
    return run.info.run_id, dataset


def test_rows_come_back_by_their_digest(kept):
    run_id, dataset = kept
    assert artifacts.load_data(run_id, dataset.digest).digest == dataset.digest


@pytest.mark.parametrize("name", ["../data/{}", "{}/../{}", "/{}", "..", "", "A" * 32])
def test_a_tag_that_is_no_digest_names_no_file(kept, name):
    run_id, dataset = kept
    assert artifacts.load_data(run_id, name.format(dataset.digest, dataset.digest)) is None


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_kept_rows_are_for_their_owner_alone(kept, store):
    folder = store / "mlruns" / "artifacts" / "data"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]
