"""A slip in a call is answered by one sentence that says what is wrong and what to write, before anything is trained."""

import inspect
import socket

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from click.testing import CliRunner

import remedy
from remedy.cli import main
from remedy.data.fit_arguments import OWN
from remedy.errors import InvalidInput, NotFound, Untrainable

from .conftest import blobs, dense

X, Y = blobs(rows=60)
Y = Y.argmax(1)


def _fit(*args, **kwargs):
    """Train as asked for, for one epoch, without a search."""
    model = dense()
    model.compile("adam", "sparse_categorical_crossentropy")
    rows = args or (() if "y" in kwargs else (X, Y))
    return remedy.fit(model, *rows, **({"epochs": 1, "verbose": 0, "search": False} | kwargs))


FRAME = pd.DataFrame({"age": [1.0, 2.0] * 30, "town": ["Ulm", "Bonn"] * 30})


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: _fit(X), "y is missing: the loss compares with labels. Give y, or a dataset of (X, y) as X."),
        (lambda: _fit(X, 3), "y=3 is no array: give one label a row, shape (n,) or (n, outputs)."),
        (lambda: _fit(X, Y, x=X), "The inputs are given twice, as X and as x=: give one of them."),
        (lambda: remedy.fit(dense()), "There are no inputs. Write remedy.fit(model, X, y), or hand over a dataset as X."),
        (lambda: _fit(X, Y, 8, batch_size=8), "batch_size is given twice, by position and as batch_size=: give one of"),
        (lambda: _fit(epochs=0), "epochs=0: nothing would be trained. Give at least 1."),
        (lambda: _fit(epochs=3, initial_epoch=3), "epochs=3: nothing would be trained. Give at least 4, as initial_epoch=3."),
        (lambda: _fit(epochs=3, initial_epoch="1"), "initial_epoch='1': give the number of the epoch to go on from"),
        (lambda: _fit(batch_size=0), "batch_size=0: give a number of rows from 1, or None for Keras' 32."),
        (lambda: _fit(experiment=5), "experiment=5: give a name in quotes."),
        (lambda: _fit(epoch=3), "fit() has no keyword 'epoch'. Did you mean 'epochs'?"),
        (lambda: _fit(log_modle=False), "fit() has no keyword 'log_modle'. Did you mean 'log_model'?"),
        (lambda: _fit(class_weight=[1, 5]), "class_weight=[1, 5]: give a dict with a weight for every class"),
        (lambda: _fit(class_weight=np.array([1, 5])), "give a dict with a weight for every class"),
        (lambda: _fit(class_weight={0: None}), "class_weight: class 0 has None for a weight; give a dict with a weight"),
        (lambda: _fit(FRAME, Y), "encode text and categories as numbers first (column 'town')."),
        (lambda: _fit([[1.0, 2.0], [1.0]], [0, 1]), "A list of rows of different length cannot be trained on: pad them"),
        (lambda: _fit(search="yes"), "search='yes': give True, False or remedy.Search(...)."),
        (lambda: remedy.Search(trials=0), "Search(trials=0): give at least 1, or search=False."),
        (lambda: remedy.Search(n_trials="5"), "Search(trials='5'): give a number from 1."),
        (lambda: remedy.Search(objective="acc"), "Search(objective='acc') is not known: use one of balanced_accuracy,"),
        (lambda: remedy.Search(objective=3), "Search(objective=3) is not known: use one of balanced_accuracy, macro_f1,"),
        (lambda: remedy.Search(timeout="5"), "Search(timeout='5'): give seconds above 0, or None."),
        (lambda: _fit(detectors="dead-unit"), "No detector is called 'dead-unit'. Did you mean 'dead-units'?"),
        (lambda: _fit(ignore="dead-unit"), "No detector is called 'dead-unit'. Did you mean 'dead-units'?"),
        (lambda: _fit(remedies="scale-input"), "No remedy is called 'scale-input'. Did you mean 'scale-inputs'?"),
        (lambda: _fit(tf.constant(["a", "b"] * 30), Y), "encode text and categories as numbers first"),
    ],
)  # fmt: skip
def test_a_slip_is_answered_before_training(store, call, sentence):
    with pytest.raises((InvalidInput, NotFound)) as told:
        call()
    assert sentence in str(told.value)


@pytest.mark.parametrize(
    ("stream", "sentence"),
    [
        (lambda ds: ds, "This Dataset gives single rows, and Keras takes batches: write dataset.batch(32)."),
        (
            lambda ds: ds.batch(8).repeat(),
            "repeats without end: no epoch would end. Give steps_per_epoch=, or leave out",
        ),
    ],
)
def test_a_stream_that_keras_cannot_finish_is_refused(store, stream, sentence):
    model = dense()
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(InvalidInput) as told:
        remedy.fit(model, stream(tf.data.Dataset.from_tensor_slices((X, Y))), epochs=1, verbose=0, search=False)
    assert sentence in str(told.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: _fit(x=X, y=Y),
        lambda: _fit(X, Y, 16),
        lambda: _fit(X.tolist(), Y.tolist()),
        lambda: _fit(X, Y, class_weight="balanced"),
        lambda: _fit(detectors="dead-units"),
        lambda: _fit(remedies="scale-inputs"),
        lambda: _fit(ignore=None),
    ],
)
def test_habits_of_keras_and_scikit_learn_are_understood(store, call):
    assert len(call().evidence.loss) == 1


def test_a_batch_size_by_position_is_that_of_keras(store):
    assert _fit(X, Y, 20).history.params["steps"] == 3


def test_balanced_class_weights_are_those_of_scikit_learn(store):
    y = np.array([0] * 40 + [1] * 15 + [2] * 5)
    losses = []
    for weights in ("balanced", {0: 60 / 120, 1: 60 / 45, 2: 60 / 15}):
        keras.utils.set_random_seed(0)
        losses.append(_fit(X, y, class_weight=weights).history.history["loss"][0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_optunas_name_for_the_number_of_trials_is_understood():
    assert remedy.Search(n_trials=5).trials == 5


def test_labels_that_no_unit_has_end_in_the_diagnosis_and_not_in_a_traceback_of_the_backend(store):
    with pytest.raises(Untrainable) as told:
        _fit(X, Y + 1)
    assert "DAT105 label-encoding" in str(told.value)
    assert "1 to 3" in str(told.value)
    assert told.value.__suppress_context__


def test_an_error_of_the_users_own_code_comes_through_beside_labels_that_no_unit_has(store):
    class Mine(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        _fit(X, Y + 1, callbacks=[Mine()])


def test_under_autolog_the_backends_own_error_is_raised(store):
    model = dense()
    model.compile("adam", "sparse_categorical_crossentropy")
    remedy.autolog()
    try:
        with pytest.raises(tf.errors.InvalidArgumentError):
            model.fit(X, Y + 1, epochs=1, verbose=0)
    finally:
        remedy.autolog(disable=True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["tune", "-e", "x", "--trials", "0"], "0 is not in the range x>=1"),
        (["tune", "-e", "x", "--timeout", "0"], "0.0 is not in the range x>0"),
        (["tune", "-e", "x", "--workers", "²"], "--workers ²: give a number from 1, or auto."),
        (["--tracking-uri", "sqlite:///a\0b", "tune", "-e", "x"], "--tracking-uri holds a character that no address"),
        (["tune"], "Give either --experiment NAME or --run ID."),
        (["explain", "scale-input"], "Did you mean 'scale-inputs'?"),
        (["tun"], "Did you mean 'tune'?"),
    ],
)
def test_a_wrong_option_in_the_shell_is_named_and_ends_with_two(words, sentence):
    ended = CliRunner().invoke(main, words)
    assert sentence in ended.output
    assert ended.exit_code == (3 if words[0] == "explain" else 2)


def test_the_ui_refuses_a_port_that_something_answers_on(store):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = CliRunner().invoke(main, ["ui", "--port", port, "--no-open"])
    assert ended.exit_code == 6
    assert f"Something answers on 127.0.0.1:{port} already." in ended.output


def test_the_message_on_unknown_keywords_names_all_of_remedys_own():
    parameters = inspect.signature(remedy.fit).parameters.values()
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "x"]
    assert list(OWN) == named
