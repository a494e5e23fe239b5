"""What many tests need: an empty working folder with its own store, small data, small nets."""

from __future__ import annotations

import gc
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import mlflow
import mlflow.db
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.recipe.recipe import Recipe

from .browser import browser, page  # noqa: F401
from .servers import auth_server, postgres_server, servers, sqlite_server  # noqa: F401

LONG = ("test_story.py", "test_equality.py")
"""Modules that begin first: their tests take minutes, and at the end a worker would wait for one of them alone."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="module", autouse=True)
def _own_start():
    """Begin a module without what earlier ones left behind.

    `mlflow.set_experiment` writes an environment variable, which would send the next module's runs to its experiment.
    And Keras collects often; each collection would look at all that earlier modules keep alive.
    """
    for name in [name for name in os.environ if name.startswith("MLFLOW_EXPERIMENT")]:
        del os.environ[name]
    mlflow.tracking.fluent._active_experiment_id = None
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A database with MLflow's tables and nothing in them. MLflow takes a second to make one, tests take a copy."""
    file = tmp_path_factory.mktemp("empty_store") / "mlflow.db"
    made = CliRunner().invoke(mlflow.db.commands, ["upgrade", f"sqlite:///{file}"])
    assert made.exit_code == 0, made.output
    return file


@pytest.fixture
def store(folder, empty_store):
    """A working folder in which remedy's default store is there, with nothing in it."""
    (folder / "mlruns").mkdir()
    shutil.copy(empty_store, folder / "mlruns" / "mlflow.db")
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder as working folder, in which remedy makes its default store."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MLFLOW")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(mlflow.tracking.fluent, "_active_experiment_id", None)
    mlflow.set_tracking_uri(None)
    yield tmp_path
    while mlflow.active_run() is not None:
        mlflow.end_run()
    mlflow.set_tracking_uri(None)


def blobs(rows=400, columns=6, classes=3, seed=0, scale=1.0, shift=0.0, shares=None):
    """Separable classes as (X, one-hot y); scaled and shifted as asked."""
    rng = np.random.default_rng(seed)
    ids = rng.choice(classes, size=rows, p=shares)
    centres = 2.5 * np.random.default_rng(99).standard_normal((classes, columns))
    X = (centres[ids] + rng.standard_normal((rows, columns))) * scale + shift
    return X.astype("float32"), np.eye(classes, dtype="float32")[ids]


def dense(columns=6, classes=3, rate=0.01, optimizer=None, widths=(16,), dropout=0.0, seed=3, norm=False):
    """A compiled classifier of dense layers."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((columns,))])
    for width in widths:
        model.add(layers.Dense(width))
        if norm:
            model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        if dropout:
            model.add(layers.Dropout(dropout))
    model.add(layers.Dense(classes, activation="softmax"))
    model.compile(optimizer or keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


def stuck_run_of(model, X, y, **fit):
    """Recipe and dataset of a model and its rows, a fifth on the validation side."""
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), "multiclass")
    return Recipe.from_model(model, {"epochs": 5, "batch_size": 32, **fit}), data


def sick_program():
    """A small program that is stuck: raw values far from zero, unbalanced, a rate that is far too high."""
    X, y = blobs(rows=500, scale=100.0, shift=500.0, shares=[0.85, 0.1, 0.05])
    return dense(optimizer=keras.optimizers.SGD(0.05), dropout=0.3), X, y


def healthy_program():
    """The same kind of program without its faults."""
    X, y = blobs(rows=500)
    return dense(), X, y
