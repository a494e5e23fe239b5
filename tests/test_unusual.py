"""Programs that Keras trains, and that are unlike most: they are logged, watched, and not broken off."""

import keras
import mlflow
import numpy as np
import pandas as pd
import pytest
from keras import layers

import remedy
from remedy.data.dataset import Dataset
from remedy.data.fit_call import read_rows
from remedy.data.rows import Rows
from remedy.errors import InvalidInput, RemedyWarning
from remedy.tracking import artifacts

from .conftest import blobs, dense, healthy_program, sick_program


def _metrics(result):
    return mlflow.get_run(result.run_id).data.metrics


def test_a_run_in_which_the_user_has_logged_the_same_parameters_is_logged_all_the_same(store):
    mlflow.set_tracking_uri(f"sqlite:///{store}/own.db")
    with mlflow.start_run() as mine:
        mlflow.log_params({"optimizer": "adam", "learning_rate": 0.5})
        result = remedy.fit(*healthy_program(), epochs=2, verbose=0)
    found = mlflow.get_run(mine.info.run_id).data
    assert result.run_id == mine.info.run_id
    assert found.params["optimizer"] == "adam"
    assert found.params["epochs"] == "2"
    assert found.tags["remedy.verdict"] == "healthy"


def test_a_rate_is_logged_as_it_was_written(store):
    model, X, y = healthy_program()
    model.compile(keras.optimizers.Adam(0.001), model.loss)
    result = remedy.fit(model, X, y, epochs=1, verbose=0)
    assert mlflow.get_run(result.run_id).data.params["learning_rate"] == "0.001"


def test_a_loss_that_is_a_mean_already_is_logged_and_judged(store):
    model, X, y = healthy_program()
    model.compile("adam", lambda truth, answer: keras.ops.mean((truth - answer) ** 2))
    result = remedy.fit(model, X, y, epochs=2, verbose=0)
    assert "loss" in _metrics(result)
    assert len(result.evidence.probe_score) == 2


def test_masks_of_two_classes_are_scored_by_pixel(store):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6, 5, 1)).astype("float32")
    model = keras.Sequential([keras.Input((6, 5, 1)), layers.Conv2D(2, 1, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    result = remedy.fit(model, X, (X[..., 0] > 0).astype("int64"), epochs=2, verbose=0, search=False)
    assert set(result.evidence.class_counts) == {0, 1}
    assert len(result.evidence.probe_score) == 2


def test_an_epoch_that_cannot_be_judged_is_logged(store, monkeypatch):
    monkeypatch.setattr("remedy.training.recorder.probe_loss", lambda *_: 1 / 0)
    with pytest.warns(RemedyWarning, match="could not look"):
        result = remedy.fit(*healthy_program(), epochs=2, verbose=0)
    assert "loss" in _metrics(result)
    assert len(result.evidence.loss) == 2


def _two_outputs(rate=0.01):
    given = keras.Input((8,))
    model = keras.Model(given, {"a": layers.Dense(1, name="a")(given), "b": layers.Dense(1, name="b")(given)})
    model.compile(keras.optimizers.SGD(rate), {"a": "mse", "b": "mse"})
    X = np.random.default_rng(0).normal(size=(200, 8)).astype("float32")
    return model, X, {"a": X[:, :1], "b": X[:, 1:2]}


def test_weights_for_every_output_are_left_to_keras(store):
    model, X, y = _two_outputs()
    with pytest.warns(RemedyWarning, match="sample weights for every output"):
        result = remedy.fit(model, X, y, sample_weight={"a": np.ones(200), "b": np.ones(200)}, epochs=1, verbose=0)
    assert len(result.history.epoch) == 1


def test_a_stuck_model_of_several_outputs_with_a_loss_of_its_own_is_not_searched(store):
    model, X, y = _two_outputs(rate=1e30)
    model.compile(keras.optimizers.SGD(1e30), {"a": "mse", "b": lambda y, told: keras.ops.mean((y - told) ** 4)})
    with pytest.warns(RemedyWarning, match="cannot be scored"):
        result = remedy.fit(model, X, y, epochs=4, verbose=0)
    assert result.stuck
    assert result.fix is None


def test_text_for_a_layer_that_reads_it_is_judged(store):
    texts = np.array(["good day", "bad day"] * 20, dtype=object)
    vectors = layers.TextVectorization(output_mode="multi_hot")
    vectors.adapt(texts.astype(str))
    model = keras.Sequential([keras.Input((), dtype="string"), vectors, layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    result = remedy.fit(model, texts, np.array([1.0, 0.0] * 20), epochs=3, verbose=0, search=False)
    assert len(result.history.epoch) == 3
    assert result.examination.outcome != "not judged"


def test_a_frame_of_numbers_and_truth_values_is_read_as_keras_casts_it():
    rows = read_rows(pd.DataFrame({"a": [1.5, 2.0], "b": [True, False]}), np.array([0, 1]))
    assert rows.X.dtype == "float32"
    assert rows.X.tolist() == [[1.5, 1.0], [2.0, 0.0]]


def test_names_of_groups_become_numbers_that_a_file_holds():
    rows = read_rows(np.zeros((4, 2)), np.zeros(4), groups=pd.Series(["p1", "p2", "p1", "p3"]))
    assert rows.groups.tolist() == [0, 1, 0, 2]


def test_a_run_that_cannot_be_treated_does_not_keep_tune_from_the_others(store):
    model, X, y = sick_program()
    stuck = {"epochs": 8, "verbose": 0, "search": False, "experiment": "two"}
    kept = remedy.fit(model, X, y, **stuck)
    model, X, y = sick_program()
    lost = remedy.fit(model, X + 1, y, log_data=False, **stuck)
    found = remedy.tune("two", search=remedy.Search(trials=4, timeout=40))
    assert set(found) == {kept.run_id, lost.run_id}
    assert "was not kept" in found[lost.run_id].conclusion
    assert "Not searched" not in found[kept.run_id].conclusion


def test_no_sample_of_a_stream_is_kept_for_tune(store):
    import tensorflow as tf

    X, y = blobs(rows=500)
    endless = tf.data.Dataset.from_tensor_slices((X, y)).batch(50).repeat()
    result = remedy.fit(dense(), endless, epochs=1, steps_per_epoch=3, verbose=0)
    assert "remedy.data_digest" not in mlflow.get_run(result.run_id).data.tags
    assert artifacts.load_data(result.run_id, "") is None


def test_what_frozen_and_adapted_layers_know_is_there_when_a_run_is_tuned_later(store):
    X, y = blobs(rows=300, scale=50.0, shift=500.0)
    norm = layers.Normalization()
    norm.adapt(X)
    frozen = layers.Dense(6, activation="relu", trainable=False)
    model = keras.Sequential([keras.Input(X.shape[1:]), norm, frozen, layers.Dense(3, activation="softmax")])
    model.compile("adam", "categorical_crossentropy")
    result = remedy.fit(model, X, y, epochs=1, verbose=0, search=False)
    again = artifacts.read_recipe(result.run_id).build(Dataset(Rows(X, y), None, "multiclass"), 7)
    for layer in (norm, frozen):
        assert np.allclose(np.asarray(layer(X)), np.asarray(again.get_layer(layer.name)(X)), atol=1e-4)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"order": 3}, r"order=3: give one value a row, shape \(n,\), or True"),
        ({"groups": "patient"}, r"groups='patient': give one value a row"),
        ({"expect": "high"}, "expect='high': give the score that the run must reach"),
        ({"expect": float("nan")}, "expect=nan: give the score"),
    ],
)
def test_options_of_a_wrong_kind_are_refused_before_training(store, wrong, said):
    model, X, y = healthy_program()
    with pytest.raises(InvalidInput, match=said):
        remedy.fit(model, X, y, epochs=1, verbose=0, **wrong)
