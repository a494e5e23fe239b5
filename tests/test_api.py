"""remedy.fit end to end, on real small trainings and a real store."""

import json
import subprocess
import sys
from types import SimpleNamespace

import keras
import mlflow
import numpy as np
import pytest
from keras import layers

import remedy
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.diagnosis import Examination
from remedy.errors import RemedyWarning
from remedy.recipe.recipe import Recipe
from remedy.repair import final_training, repair
from remedy.search.proof import Proof

from .conftest import blobs, dense, healthy_program, sick_program


class CallsItStuck(remedy.Detector):
    """Calls every run stuck after three epochs, rightly or wrongly."""

    code, name, severity = "GEN999", "calls-it-stuck", "error"
    remedies = ("learning-rate", "scale-inputs", "class-weights")

    def detect(self, loss):
        return remedy.Finding(f"{len(loss)} epochs are behind it.") if len(loss) >= 3 else None


class Fast(remedy.Remedy):
    """Adam at a high rate."""

    name = "fast"
    treats = ("GEN999",)
    recompiles = True

    def apply(self, recipe, dataset, **dose):
        config = {"learning_rate": 0.1}
        return recipe.replace(optimizer={"module": "keras.optimizers", "class_name": "Adam", "config": config})

    def describe(self, recipe, changed):
        return "slow", "fast"

    def patch(self, recipe, dataset, **dose):
        return ""


QUICK = remedy.Search(trials=10, timeout=150, seed=0)


@pytest.fixture(scope="module")
def fixed(tmp_path_factory):
    """One stuck program, treated; several tests look at it."""
    folder = tmp_path_factory.mktemp("fixed")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    model, X, y = sick_program()
    result = remedy.fit(
        model, X, y, epochs=12, batch_size=32, validation_split=0.2, verbose=0, experiment="sick", search=QUICK
    )
    client = mlflow.MlflowClient()
    yield result, X, y, client
    mlflow.set_tracking_uri(None)


def test_a_stuck_program_is_named_and_fixed(fixed):
    result, _, _, _ = fixed
    assert result.stuck
    assert {"majority-collapse", "class-imbalance", "unscaled-input"} <= {d.name for d in result.diagnoses}
    assert result.fix.confirmed
    assert result.fix.score > result.fix.baseline_score + 0.2
    assert "scale-inputs" in result.fix.prescription.names


def test_what_is_printed_of_a_result_and_a_fix_are_five_lines_for_a_person(fixed):
    result, _, _, _ = fixed
    for told in (str(result), repr(result), str(result.fix)):
        assert len(told.splitlines()) == 5
        assert len(told) < 1500
    assert result.conclusion in str(result)
    assert "class-imbalance" in str(result)
    assert str(result.fix.prescription) in str(result.fix)
    assert f"{result.fix.score:.3f}, confirmed on 3 fresh seeds" in str(result.fix)


def test_the_fixed_model_takes_the_raw_rows_and_finds_every_class(fixed):
    result, _, _, _ = fixed
    from remedy.data.scores import balanced_accuracy

    fresh_X, fresh_y = blobs(rows=500, scale=100.0, shift=500.0, shares=[0.85, 0.1, 0.05], seed=77)
    assert balanced_accuracy(fresh_y, result.fix.model.predict(fresh_X, verbose=0)) > 0.7
    assert balanced_accuracy(fresh_y, result.model.predict(fresh_X, verbose=0)) < 0.5


def test_a_saved_fix_loads_in_another_process_without_remedy_and_answers_the_same(fixed, tmp_path):
    result, X, _, _ = fixed
    result.fix.model.save(tmp_path / "fix.keras")
    np.save(tmp_path / "X.npy", X[:50])
    text = (
        "import sys; sys.modules['remedy'] = None\n"
        "import keras, numpy as np\n"
        "model = keras.saving.load_model('fix.keras', safe_mode=True)\n"
        "np.save('y.npy', model.predict(np.load('X.npy'), verbose=0))\n"
    )
    subprocess.run([sys.executable, "-c", text], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), result.fix.model.predict(X[:50], verbose=0), atol=1e-6)


def test_a_full_training_that_falls_short_of_its_proof_is_not_handed_over():
    proof = Proof((0.5, 0.5, 0.5), (0.9, 0.95, 1.0), margin=0.1, constant=0.5, seeds=(1, 2, 3))

    def ended(score):
        return final_training.LastTraining(SimpleNamespace(scores=(score,), examination=Examination()))

    assert final_training.fell_short(ended(0.6), proof)
    assert not final_training.fell_short(ended(0.8), proof)
    assert not final_training.went_wrong(ended(0.8), proof)


def test_the_stuck_training_ended_when_the_fix_was_confirmed(fixed):
    assert 2 <= len(fixed[0].history.epoch) < 12


def test_every_change_says_what_was_and_what_is(fixed):
    for change in fixed[0].fix.changes:
        assert change.before != change.after
    assert [c.remedy for c in fixed[0].fix.changes] == list(fixed[0].fix.prescription.names)
    compile(fixed[0].fix.patch, "patch", "exec")


def test_stuck_run_search_trials_and_fix_are_linked_both_ways(fixed):
    result, _, _, client = fixed
    stuck, fix = client.get_run(result.run_id), client.get_run(result.fix.run_id)
    assert stuck.data.tags["remedy.fixed_by_run_id"] == fix.info.run_id
    assert fix.data.tags["remedy.fixes_run_id"] == stuck.info.run_id
    assert fix.data.tags["mlflow.parentRunId"] == stuck.info.run_id
    assert fix.info.run_id in stuck.data.tags["mlflow.note.content"].splitlines()[0]
    assert stuck.info.run_id in fix.data.tags["mlflow.note.content"].splitlines()[0]
    runs = client.search_runs([stuck.info.experiment_id], max_results=200)
    roles = [r.data.tags["remedy.role"] for r in runs]
    assert {"fit", "search", "fix", "trial"} == set(roles)
    search = next(r for r in runs if r.data.tags["remedy.role"] == "search")
    assert search.data.tags["mlflow.parentRunId"] == stuck.info.run_id
    trials = [r for r in runs if r.data.tags["remedy.role"] == "trial"]
    assert {r.data.tags["mlflow.parentRunId"] for r in trials} == {search.info.run_id}
    assert "RUNNING" not in {r.info.status for r in runs}


def test_the_run_holds_parameters_metrics_dataset_model_recipe_evidence_and_picture(fixed):
    result, _, _, client = fixed
    run = client.get_run(result.run_id)
    assert run.data.tags["remedy.verdict"] == "stuck"
    assert run.data.tags["remedy.device"]
    assert run.data.tags["remedy.version"] == remedy.__version__
    assert {"optimizer", "learning_rate", "batch_size", "epochs", "loss"} <= set(run.data.params)
    assert len(client.get_metric_history(run.info.run_id, "loss")) == len(result.history.epoch)
    digest = run.inputs.dataset_inputs[0].dataset.digest
    assert digest == client.get_run(result.fix.run_id).inputs.dataset_inputs[0].dataset.digest
    names = {a.path for a in client.list_artifacts(run.info.run_id)}
    assert {"curves.png", "before_and_after.png"} <= names
    inside = {a.path for a in client.list_artifacts(run.info.run_id, "remedy")}
    assert {"remedy/recipe.json", "remedy/evidence.json", "remedy/examination.json"} <= inside


def test_the_logged_fix_predicts_the_same_from_raw_rows(fixed):
    result, X, _, client = fixed
    model_id = client.get_run(result.fix.run_id).outputs.model_outputs[0].model_id
    loaded = mlflow.keras.load_model(f"models:/{model_id}")
    assert np.allclose(loaded.predict(X[:20], verbose=0), result.fix.model.predict(X[:20], verbose=0), atol=1e-6)


def test_a_healthy_program_is_left_alone_and_trains_as_keras_trains_it(store):
    model, X, y = healthy_program()
    plain, _, _ = healthy_program()
    keras.utils.set_random_seed(11)
    plain.fit(X, y, epochs=6, validation_split=0.2, verbose=0)
    keras.utils.set_random_seed(11)
    result = remedy.fit(model, X, y, epochs=6, validation_split=0.2, verbose=0)
    assert not result.stuck
    assert result.fix is None
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), plain.get_weights(), strict=True))


def test_the_default_store_lies_in_mlruns_of_the_working_folder(store):
    remedy.fit(*healthy_program(), epochs=1, verbose=0, experiment="here")
    assert (store / "mlruns" / "mlflow.db").exists()
    experiment = mlflow.get_experiment_by_name("here")
    assert experiment.artifact_location == (store / "mlruns" / "artifacts" / "here").as_uri()
    assert len(list((store / "mlruns" / "artifacts" / "data").glob("*.npz"))) == 1


def test_log_data_false_keeps_no_arrays(store):
    remedy.fit(*healthy_program(), epochs=1, verbose=0, log_data=False)
    assert not (store / "mlruns" / "artifacts" / "data").exists()


def test_without_a_fix_the_training_goes_on_as_if_nothing_had_happened(store):
    """A search that finds nothing leaves the very weights that model.fit alone would have left."""
    X, _ = blobs(rows=300, scale=100.0, shift=500.0)
    noise = np.eye(3, dtype="float32")[np.random.default_rng(1).choice(3, 300, p=[0.9, 0.06, 0.04])]

    def program():
        return dense(optimizer=keras.optimizers.Adam(1e-4), dropout=0.3)

    plain = program()
    keras.utils.set_random_seed(11)
    plain.fit(X, noise, epochs=8, verbose=0)
    model = program()
    keras.utils.set_random_seed(11)
    result = remedy.fit(
        model, X, noise, epochs=8, verbose=0, detectors=[CallsItStuck], search=remedy.Search(trials=3, timeout=10)
    )
    assert result.stuck
    assert result.fix is None
    assert result.conclusion.startswith("No fix was found.")
    assert len(result.history.epoch) == 8
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), plain.get_weights(), strict=True))


def test_with_search_false_a_stuck_run_is_said_and_never_stopped(store):
    model, X, y = sick_program()
    result = remedy.fit(model, X, y, epochs=7, verbose=0, search=False)
    assert result.stuck
    assert len(result.history.epoch) == 7


def test_the_diagnosis_is_said_in_one_sentence_with_its_numbers(store, capsys):
    model, X, y = sick_program()
    remedy.fit(model, X, y, epochs=5, verbose=2, search=False)
    said = [line for line in capsys.readouterr().out.splitlines() if "stuck (epoch 4)" in line]
    assert any("GEN403 majority-collapse: Every one of 128 probe rows" in line for line in said)
    assert any("OPT404 constant-output: The outputs differ by 0.0e+00" in line for line in said)


def test_the_users_callbacks_are_called_and_their_list_is_left_alone(store):
    seen = []
    mine = [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))]
    remedy.fit(*healthy_program(), epochs=3, verbose=0, callbacks=mine)
    assert seen == [0, 1, 2]
    assert len(mine) == 1


def test_a_search_that_breaks_costs_a_warning_and_not_the_training(store, monkeypatch):
    def broken(*args):
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(repair, "_search_and_prove", broken)
    model, X, y = sick_program()
    with pytest.warns(RemedyWarning, match="disk on fire"):
        result = remedy.fit(model, X, y, epochs=6, verbose=0)
    assert len(result.history.epoch) == 6
    statuses = {r.info.status for r in mlflow.search_runs(search_all_experiments=True, output_format="list")}
    assert "RUNNING" not in statuses


@pytest.mark.slow
def test_a_fix_that_cannot_be_logged_leaves_no_run_running(store, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("no space left")

    monkeypatch.setattr(mlflow.keras, "save_model", broken)
    model, X, y = sick_program()
    with pytest.warns(RemedyWarning, match="no space left"):
        result = remedy.fit(model, X, y, epochs=10, verbose=0, search=QUICK)
    runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert result.fix is not None
    assert "RUNNING" not in {r.info.status for r in runs}


def test_an_exception_in_the_training_ends_the_run_failed_with_its_reason(store):
    def explode(epoch, logs):
        raise ValueError("user code")

    with pytest.raises(ValueError, match="user code"):
        remedy.fit(
            *healthy_program(), epochs=3, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=explode)]
        )
    (run,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert (run.info.status, run.data.tags["remedy.failure"]) == ("FAILED", "ValueError: user code")


def test_ctrl_c_in_the_training_ends_the_run_killed(store):
    def interrupt(epoch, logs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remedy.fit(
            *healthy_program(), epochs=3, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=interrupt)]
        )
    (run,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert run.info.status == "KILLED"


def test_ctrl_c_in_the_search_keeps_the_best_so_far(store, monkeypatch):
    from remedy.training.engines.inline import InlineEngine

    train, calls = InlineEngine.train, []

    def interrupted(self, job):
        calls.append(job.key)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return train(self, job)

    monkeypatch.setattr(InlineEngine, "train", interrupted)
    model, X, y = sick_program()
    result = remedy.fit(model, X, y, epochs=10, verbose=0, search=remedy.Search(trials=12, timeout=150))
    assert result.fix is not None
    assert not result.fix.confirmed
    assert result.fix.model.predict(X[:3], verbose=0).shape == (3, 3)


def test_an_objective_that_cannot_be_computed_costs_the_search_and_is_named(store):
    def broken(y_true, y_pred):
        return y_true[len(y_true)]

    model, X, y = sick_program()
    with pytest.warns(remedy.RemedyWarning, match=r"objective=broken\) cannot be used: .* it raised IndexError: "):
        result = remedy.fit(model, X, y, epochs=8, verbose=0, search=remedy.Search(timeout=20, objective=broken))
    assert result.stuck
    assert result.fix is None
    assert len(result.history.epoch) == 8


@pytest.mark.parametrize("epochs", [0, 2])
def test_ctrl_c_in_the_last_training_keeps_what_is_there_and_says_so(store, monkeypatch, epochs):
    from remedy.repair import final_training

    train = final_training.fit_recipe

    def interrupt(epoch, logs):
        if epoch + 1 >= epochs:
            raise KeyboardInterrupt

    def interrupted(model, recipe, data, seed, done, last, callbacks, *more):
        stop = {"on_epoch_begin" if epochs == 0 else "on_epoch_end": interrupt}
        return train(model, recipe, data, seed, done, last, [*callbacks, keras.callbacks.LambdaCallback(**stop)], *more)

    monkeypatch.setattr(final_training, "fit_recipe", interrupted)
    model, X, y = sick_program()
    result = remedy.fit(model, X, y, epochs=10, verbose=0, search=remedy.Search(trials=12, timeout=150))
    assert "nterrupted" in result.conclusion
    assert len(result.history.epoch) < 10
    if epochs == 0:
        assert result.fix is None
        assert "What was proven is" in result.conclusion
    else:
        proof = result.fix.proof
        assert result.fix.confirmed == (result.fix.score >= (proof.constant + proof.score) / 2)
        assert "interrupted in epoch 3 of" in result.conclusion


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "sqlite:////proc/nowhere/mlflow.db"])
def test_a_store_that_cannot_be_reached_costs_the_log_and_not_the_training(store, uri):
    mlflow.set_tracking_uri(uri)
    with pytest.warns(RemedyWarning, match="not logged"):
        result = remedy.fit(*healthy_program(), epochs=2, verbose=0)
    assert result.run_id is None
    assert len(result.history.epoch) == 2


def test_a_run_that_is_active_already_is_used_and_left_open(store):
    mlflow.set_tracking_uri(f"sqlite:///{store}/own.db")
    with mlflow.start_run() as mine:
        result = remedy.fit(*healthy_program(), epochs=1, verbose=0)
        assert result.run_id == mine.info.run_id
        assert mlflow.active_run().info.run_id == mine.info.run_id
        mlflow.log_metric("after", 1.0)


def test_several_inputs_by_name_are_trained_examined_and_logged(store):
    a, b = keras.Input((6,), name="a"), keras.Input((2,), name="b")
    model = keras.Model({"a": a, "b": b}, layers.Dense(3, activation="softmax")(layers.Concatenate()([a, b])))
    model.compile("adam", "categorical_crossentropy")
    X, y = blobs()
    result = remedy.fit(model, {"a": X, "b": 5000 * X[:, :2]}, y, epochs=2, verbose=0, search=False)
    found = next(d for d in result.diagnoses if d.name == "unscaled-input")
    assert "'b'" in found.message


@pytest.mark.slow
def test_a_subclassed_model_is_treated_without_surgery_and_that_is_said(store):
    @keras.saving.register_keras_serializable()
    class Own(keras.Model):
        def __init__(self, units=16, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.hidden = layers.Dense(units, activation="relu")
            self.head = layers.Dense(3, activation="softmax")

        def call(self, x, training=None):  # Another graph in training: it cannot be read as one.
            return self.head(self.hidden(1.0 * x if training else x))

    X, y = blobs(rows=600, shares=[0.9, 0.06, 0.04], scale=0.3)
    model = Own()
    model.compile(keras.optimizers.SGD(0.001), "categorical_crossentropy")
    with pytest.warns(RemedyWarning, match="cannot be rewritten"):
        result = remedy.fit(
            model, X, y, epochs=15, verbose=0, detectors=[CallsItStuck], search=remedy.Search(trials=6, timeout=90)
        )
    assert result.fix is not None
    assert set(result.fix.prescription.names) <= {
        "learning-rate",
        "class-weights",
        "optimizer",
        "batch-size",
        "train-longer",
    }


class Closed(keras.Model):
    """A model that Keras can neither rebuild nor describe."""

    def __init__(self, shift):
        super().__init__()
        self.shift, self.hidden, self.head = shift, layers.Dense(8, "relu"), layers.Dense(3, "softmax")

    def call(self, x):
        return self.head(self.hidden(x + self.shift(x)))


def _closed():
    made = Closed(lambda x: 0.0 * x)
    made.compile(keras.optimizers.SGD(1e-6), "categorical_crossentropy")
    return made


def test_build_opens_a_subclassed_model_to_a_search_and_its_functional_twin_to_surgery():
    X, _ = blobs(rows=60)
    made = _closed()
    made(X[:1])
    anew = Recipe.from_model(made, {}, build=_closed)
    assert anew.architecture.opaque
    data = Dataset(Rows(X, np.eye(3)[np.arange(60) % 3]), None, "multiclass")
    built = anew.with_optimizer(learning_rate=0.5).build(data, 0)
    assert isinstance(built, Closed)
    assert float(built.optimizer.learning_rate) == 0.5
    twin = Recipe.from_model(made, {}, build=lambda: dense(widths=(8,)))
    assert not twin.architecture.opaque


@pytest.mark.slow
def test_four_rows_are_judged_on_themselves_and_that_is_said(store):
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    y = np.array([0, 1, 1, 0], "float32")
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(12, "tanh"), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.SGD(1e-5), "binary_crossentropy")
    result = remedy.fit(
        model, X, y, epochs=60, verbose=0, remedies=[Fast], detectors=[CallsItStuck], search=remedy.Search(timeout=40)
    )
    assert result.fix is not None
    assert not result.fix.confirmed
    assert "too few to set any aside" in result.conclusion


def test_diagnose_examines_without_training():
    model, X, y = sick_program()
    weights = model.get_weights()
    found = remedy.diagnose(model, X, y, validation_split=0.2)
    assert {d.name for d in found.diagnoses} == {"class-imbalance", "unscaled-input", "exploding-gradients"}
    assert not found.stuck
    assert "loss" in found.not_recorded["majority-collapse"]
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), weights, strict=True))


def test_diagnose_reads_a_run_that_something_else_logged_and_says_what_it_could_not_see(store):
    mlflow.set_tracking_uri(f"sqlite:///{store}/own.db")
    with mlflow.start_run() as run:
        for step, value in enumerate([0.9, 3.0, float("nan")]):
            mlflow.log_metric("train_loss", value, step=step)
    found = remedy.diagnose(run_id=run.info.run_id)
    assert found.cause.name == "non-finite-loss"
    assert found.not_recorded["class-imbalance"] == "class_counts"


def test_the_examination_in_the_store_is_the_one_in_the_result(store):
    model, X, y = sick_program()
    result = remedy.fit(model, X, y, epochs=5, verbose=0, search=False)
    path = mlflow.MlflowClient().download_artifacts(result.run_id, "remedy/examination.json", str(store))
    with open(path) as file:
        assert [d["code"] for d in json.load(file)["diagnoses"]] == [d.code for d in result.diagnoses]
