"""Models are registered on request, and the champion is the best on the same data."""

import json
import subprocess
import sys
import warnings

import mlflow
import numpy as np
import pytest

import remedy
from remedy.errors import RemedyWarning
from remedy.tracking.model_registry import register

from .conftest import blobs, dense, healthy_program, sick_program


def _champion(name):
    return mlflow.MlflowClient().get_model_version_by_alias(name, "champion")


@pytest.fixture(scope="module")
def fixed(tmp_path_factory):
    """A stuck program whose fix is to be registered; treated in a store of its own."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('fixed')}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    model, X, y = sick_program()
    search = remedy.Search(trials=10, timeout=150, seed=0)
    yield (
        uri,
        X.astype("float64"),
        remedy.fit(
            model,
            X.astype("float64"),
            y,
            epochs=12,
            validation_split=0.2,
            verbose=0,
            search=search,
            run_name="ecg 7",
            register_as="blobs",
        ),
    )
    mlflow.set_tracking_uri(None)


def test_the_model_of_a_fix_is_registered_and_becomes_the_champion(fixed):
    mlflow.set_tracking_uri(fixed[0])
    assert _champion("blobs").run_id == fixed[2].fix.run_id
    told = mlflow.get_run(fixed[2].fix.run_id).data.tags["remedy.registered"]
    assert told == "Registered as blobs, version 1: the first with the alias champion."


def test_a_stuck_run_and_its_fix_carry_the_same_parameters_and_models_have_names_of_their_own(fixed):
    mlflow.set_tracking_uri(fixed[0])
    result = fixed[2]
    stuck, fix = (mlflow.get_run(run_id) for run_id in (result.run_id, result.fix.run_id))
    own = {name for name in fix.data.params if name.startswith("remedy.") or name in result.fix.prescription.params()}
    assert set(stuck.data.params) <= set(fix.data.params)
    assert set(fix.data.params) - set(stuck.data.params) <= own
    assert fix.data.metrics["score_after"] == pytest.approx(result.fix.score)
    names = [mlflow.get_logged_model(run.outputs.model_outputs[0].model_id).name for run in (stuck, fix)]
    assert names == ["ecg-7", "ecg-7-fixed"]


def test_a_fixed_model_predicts_the_same_from_mlflow_in_another_process_given_raw_rows(fixed, tmp_path):
    uri, X, result = fixed
    np.save(tmp_path / "rows.npy", X[:20])
    script = f"""
import json, mlflow, numpy as np
mlflow.set_tracking_uri("{uri}")
(logged,) = mlflow.get_run("{result.fix.run_id}").outputs.model_outputs
model = mlflow.pyfunc.load_model("models:/" + logged.model_id)
example = model.input_example
print(json.dumps([np.asarray(model.predict(np.load("rows.npy"))).tolist(), np.shape(example)]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    predicted, example = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(predicted, result.fix.model.predict(X[:20], verbose=0), rtol=1e-4, atol=1e-5)
    assert example == [1, 6]


def test_a_model_is_logged_in_an_experiment_that_is_not_the_one_in_use(folder):
    mlflow.set_experiment("another")
    model, X, y = healthy_program()
    with warnings.catch_warnings():
        warnings.simplefilter("error", remedy.RemedyWarning)
        result = remedy.fit(model, X, y, experiment="own", verbose=0, search=False)
    assert mlflow.get_run(result.run_id).outputs.model_outputs
    mlflow.end_run()
    with mlflow.start_run() as run:
        assert run.info.experiment_id == mlflow.get_experiment_by_name("another").experiment_id


def test_a_stuck_model_is_not_registered(store):
    model, X, y = sick_program()
    remedy.fit(model, X, y, epochs=12, verbose=0, search=False, register_as="blobs")
    assert not mlflow.MlflowClient().search_registered_models()


@pytest.mark.slow
def test_a_better_model_on_the_same_data_takes_the_alias_and_a_worse_one_does_not(store):
    X, y = blobs(rows=500)

    def trained(epochs, rate):
        model = dense(rate=rate)
        remedy.fit(model, X, y, epochs=epochs, verbose=0, validation_split=0.3, search=False, register_as="blobs")
        return str(_champion("blobs").version)

    assert [trained(2, 0.003), trained(6, 0.03), trained(2, 0.003)] == ["1", "2", "2"]


def test_a_model_that_was_measured_on_other_data_leaves_the_champion_alone(store):
    model, X, y = healthy_program()
    uri = remedy.fit(model, X, y, verbose=0).run_id
    logged = f"runs:/{uri}/model"
    assert "first" in register("blobs", logged, "digest a", "balanced_accuracy", 0.6)
    assert "other data" in register("blobs", logged, "digest b", "balanced_accuracy", 0.9)
    assert "no score" in register("blobs", logged, "digest a", "balanced_accuracy", None)
    assert "0.700 over 0.600" in register("blobs", logged, "digest a", "balanced_accuracy", 0.7)
    assert str(_champion("blobs").version) == "4"


def test_a_name_that_the_registry_refuses_is_a_warning_and_the_run_is_logged_to_its_end(store):
    model, X, y = healthy_program()
    with pytest.warns(RemedyWarning, match="was not registered as 'a/b'"):
        result = remedy.fit(model, X, y, epochs=2, verbose=0, register_as="a/b")
    run = mlflow.get_run(result.run_id)
    assert (run.info.status, run.data.tags["remedy.verdict"]) == ("FINISHED", "healthy")
