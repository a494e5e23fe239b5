"""Properties that hold for any program and any evidence, on examples that hypothesis makes up."""

import json
import math
import types
import typing
import warnings
from collections.abc import Mapping
from dataclasses import fields, replace

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers

import remedy
from remedy import registry
from remedy.diagnosis import diagnose, replay
from remedy.errors import RemedyWarning
from remedy.evidence.evidence import Evidence, InputFacts, LayerFacts, Look, OutputFacts, Shallow, Start

from .conftest import blobs

RECORDS = (InputFacts, OutputFacts, LayerFacts, Look, Shallow, Start)
DETECTORS = registry.detectors()
SPECIMENS = [evidence for detector in DETECTORS for evidence in (*detector.fires_on, *detector.silent_on)]

FLOATS = st.one_of(
    st.sampled_from([0.0, -0.0, 0.5, 1.0, -1.0, 1e-320, 1e-9, 1e308, -1e308, math.nan, math.inf, -math.inf]),
    st.floats(-3, 3),
    st.floats(),
)
INTEGERS = st.one_of(st.sampled_from([0, 1, 2, -1, 10**12]), st.integers(-5, 300))
WORDS = {
    "loss": ["mse", "mae", "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy", ""],
    "loss_name": ["mse", "categorical_crossentropy", "hinge"],
    "activation": ["linear", "relu", "softmax", "sigmoid", "tanh", "unknown", "lambda"],
    "before": ["relu", "softmax", "tanh"],
    "kind": ["Dense", "Conv1D", "LSTM", "BatchNormalization", "Dropout", "Flatten", "GlobalAveragePooling1D", "Add"],
    "initializer": ["GlorotUniform", "HeNormal", "Zeros"],
    "optimizer": ["Adam", "SGD", "Adadelta", "Lion", "Own"],
    "metric_names": ["accuracy", "Precision", "Recall[class_id=1]", "mae", "AUC", ""],
    "metrics": ["accuracy", "precision", "recall", "val_accuracy", "val_precision", "val_recall", "mae", "a_loss"],
    "nonfinite_what": ["loss", "val_loss", "outputs"],
}
NAMES = ["a", "b", "dense", "dense_1", "output", ""]


def values_of(kind, name):
    """A strategy for a field by its type: missing, empty, not finite, huge, negative and ragged values included."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if kind in RECORDS:
        hints = typing.get_type_hints(kind)
        required = {f.name: values_of(hints[f.name], f.name) for f in fields(kind)}
        return st.builds(kind, **required)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*(st.none() if part is type(None) else values_of(part, name) for part in inside))
    if origin is typing.Literal:
        return st.sampled_from(inside)
    if origin is tuple and inside[-1] is Ellipsis:
        return st.lists(values_of(inside[0], name), max_size=7).map(tuple)
    if origin is tuple:  # An older store may hold fewer of them.
        return st.tuples(*(values_of(part, name) for part in inside)).flatmap(
            lambda whole: st.integers(0 if name == "planned_rates" else len(whole), len(whole)).map(lambda n: whole[:n])
        )
    if origin in (dict, Mapping):
        return st.dictionaries(values_of(inside[0], name), values_of(inside[1], name), max_size=5)
    if kind is str:
        return st.sampled_from(WORDS.get(name, NAMES))
    return {float: FLOATS, int: INTEGERS, bool: st.booleans()}[kind]


FIELDS = {name: values_of(kind, name) for name, kind in typing.get_type_hints(Evidence).items()}


@st.composite
def evidences(draw):
    """Any evidence: made up field by field, or one or two specimens of detectors with some fields made up."""
    found = Evidence()
    for specimen in draw(st.lists(st.sampled_from(SPECIMENS), max_size=2)):
        found = replace(found, **specimen.known())
    changed = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=12, unique=True))
    made_up = {name: draw(FIELDS[name]) for name in changed}
    return replace(found, **made_up, **({"metrics": {}} if made_up.get("metrics", found.metrics) is None else {}))


def as_text(examination):
    return json.dumps(examination.to_dict(), sort_keys=True)


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(evidences())
def test_no_detector_breaks_on_any_evidence(evidence):
    found = diagnose(evidence, DETECTORS)
    assert found.failed == {}
    told = [*(d.name for d in found.diagnoses), *found.passed, *found.not_applicable, *found.not_recorded]
    assert sorted(told) == sorted(d.name for d in DETECTORS)
    for diagnosis in found.diagnoses:
        assert 0 <= diagnosis.confidence <= 1


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(evidences())
def test_any_evidence_can_be_examined_epoch_by_epoch(evidence):
    assert replay(evidence, DETECTORS).failed == {}


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(evidences())
def test_evidence_that_went_through_json_gives_the_same_examination(evidence):
    text = json.dumps(evidence.to_dict(), allow_nan=False)
    back = Evidence.from_dict(json.loads(text))
    assert json.dumps(back.to_dict(), allow_nan=False) == text
    assert as_text(diagnose(back, DETECTORS)) == as_text(diagnose(evidence, DETECTORS))


TASKS = {
    "binary": ("binary_crossentropy", 1, "sigmoid"),
    "binary of two": ("categorical_crossentropy", 2, "softmax"),
    "multiclass": ("categorical_crossentropy", 4, "softmax"),
    "sparse": ("sparse_categorical_crossentropy", 4, "softmax"),
    "multilabel": ("binary_crossentropy", 3, "sigmoid"),
    "regression": ("mse", 1, "linear"),
    "regression of two": ("mae", 2, "linear"),
}
SHAPES = {"table": (5,), "column": (1,), "signal": (12, 2), "image": (8, 8, 3), "words": (6,)}
BODIES = ("none", "dense", "normalized", "dropout", "deep")


def answers(task, hidden, rng):
    """Labels of a task that follow from a hidden quantity of every row."""
    rows = len(hidden)
    if task == "binary":
        return (hidden[:, 0] > 0).astype("float32")
    if task in ("binary of two", "multiclass", "sparse"):
        classes = TASKS[task][1]
        ids = np.digitize(hidden[:, 0], np.linspace(-1, 1, classes - 1)) if classes > 2 else (hidden[:, 0] > 0) * 1
        return ids if task == "sparse" else np.eye(classes, dtype="float32")[ids]
    if task == "multilabel":
        return (hidden[:, :3] + 0.1 * rng.standard_normal((rows, 3)) > 0).astype("float32")
    return hidden[:, :1] - 0.5 if task == "regression" else hidden[:, :2]


def inputs(shape, hidden, dtype, rng):
    """Rows of a shape that show the hidden quantity of every row."""
    rows = len(hidden)
    if shape == "words":
        return (hidden[:, [0, 1, 2, 0, 1, 2]] > 0) * 1 + rng.integers(0, 5, (rows, 6)) * 2
    noise = rng.standard_normal((rows, *SHAPES[shape]))
    width = min(3, SHAPES[shape][-1])
    shown = hidden[:, :width].reshape(rows, *[1] * (noise.ndim - 2), width)
    noise[..., : shown.shape[-1]] = 0.3 * noise[..., : shown.shape[-1]] + shown
    if np.issubdtype(np.dtype(dtype), np.integer):
        return np.clip(100 + 40 * noise, 0, 255).astype(dtype)
    return noise.astype(dtype)


def network(task, shapes, names, body, seed, options):
    """A compiled model of the task for inputs of these shapes: Sequential for one of them, Functional for two."""
    keras.utils.set_random_seed(seed)
    loss, units, activation = TASKS[task]

    def reader(shape):
        if shape == "words":
            return [layers.Embedding(12, 3), layers.GlobalAveragePooling1D()]
        if shape == "image":
            return [layers.Rescaling(1 / 128, -1.0), layers.Conv2D(4, 3, activation="relu"), layers.Flatten()]
        if shape == "signal":
            return [layers.Conv1D(4, 3, activation="relu"), layers.GlobalAveragePooling1D()]
        return []

    middle = {
        "none": lambda: [],
        "dense": lambda: [layers.Dense(8, activation="relu")],
        "normalized": lambda: [layers.Dense(8), layers.BatchNormalization(), layers.ReLU()],
        "dropout": lambda: [layers.Dense(16, activation="relu"), layers.Dropout(0.2)],
        "deep": lambda: [layers.Dense(8, activation="tanh"), layers.Dense(8, activation="gelu")],
    }[body]()
    parts = [*middle, layers.Dense(units, activation=activation)]
    if len(shapes) == 1:
        model = keras.Sequential([keras.Input(SHAPES[shapes[0]]), *reader(shapes[0]), *parts])
    else:
        starts = {name: keras.Input(SHAPES[shape], name=name) for name, shape in zip(names, shapes, strict=True)}
        read = []
        for tensor, shape in zip(starts.values(), shapes, strict=True):
            value = tensor
            for part in reader(shape):
                value = part(value)
            read.append(value)
        value = layers.Concatenate()(read)
        for part in parts:
            value = part(value)
        model = keras.Model(starts if options["container"] == "dict" else list(starts.values()), value)
    optimizer = keras.optimizers.get({"class_name": options["optimizer"], "config": {"learning_rate": 0.01}})
    # Tracing graphs of three functions takes seconds, these few steps do not.
    model.compile(optimizer, loss, metrics=options["metrics"], run_eagerly=options["eager"])
    return model


@st.composite
def programs(draw):
    """A healthy program: ``(how to make its model, X, y, keywords of fit)``."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    task, rows = draw(st.sampled_from(sorted(TASKS))), draw(st.integers(24, 90))
    shapes = draw(st.lists(st.sampled_from(sorted(SHAPES)), min_size=1, max_size=2))
    options = {
        "container": draw(st.sampled_from(["array", "list", "dict"])),
        "optimizer": draw(st.sampled_from(["adam", "sgd", "rmsprop"])),
        "metrics": draw(st.sampled_from([None, ["mae" if "regression" in task else "accuracy"]])),
        "eager": draw(st.sampled_from([True] * 7 + [False])),
    }
    dtype = draw(st.sampled_from(["float32", "float64", "int64", "uint8"]))
    hidden = rng.uniform(-1.5, 1.5, (rows, 5))
    hidden[:8] = np.linspace(-1.4, 1.4, 8)[:, None]  # Every class occurs.
    arrays = [inputs(shape, hidden, dtype, rng) for shape in shapes]
    names = ["first", "second"][: len(shapes)]
    X = dict(zip(names, arrays, strict=True)) if options["container"] == "dict" else arrays
    X = arrays[0] if len(shapes) == 1 else X
    y = answers(task, hidden, rng)
    if y.ndim == 1 and draw(st.booleans()):
        y = y[:, None]
    if draw(st.booleans()):
        y = y.astype(draw(st.sampled_from(["float32", "float64"])))
    if len(shapes) == 1 and X.ndim == 2 and options["container"] == "dict":
        pandas = pytest.importorskip("pandas")
        X = pandas.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
        y = pandas.DataFrame(y) if y.ndim > 1 else pandas.Series(y)
    fit = {"epochs": draw(st.integers(1, 3)), "batch_size": draw(st.sampled_from([None, 7, 32, 500]))}
    side = draw(st.sampled_from(["none", "split", "data"]))
    if side == "split":
        fit["validation_split"] = draw(st.sampled_from([0.1, 0.25, 0.5]))
    elif side == "data":
        fit["validation_data"] = X, y
    if draw(st.booleans()):
        fit["sample_weight"] = rng.uniform(0.5, 1.5, rows)
    elif task in ("binary", "sparse") and draw(st.booleans()):
        fit["class_weight"] = {0: 1.0, 1: 2.0, 2: 1.0, 3: 0.5}
    if draw(st.booleans()):
        fit["shuffle"] = False
    body, seed = draw(st.sampled_from(BODIES)), draw(st.integers(0, 1000))
    return lambda: network(task, shapes, names, body, seed, options), X, y, fit


@pytest.mark.slow
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(programs())
def test_remedy_trains_any_healthy_program_to_the_bits_that_keras_trains_it_to(store, program):
    make, X, y, fit = program
    plain, model = make(), make()
    keras.utils.set_random_seed(5)
    plain.fit(X, y, verbose=0, **fit)
    keras.utils.set_random_seed(5)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RemedyWarning)
        result = remedy.fit(model, X, y, search=False, verbose=0, log_data=False, **fit)
    assert result.examination.failed == {}
    assert len(result.history.epoch) == fit["epochs"]
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), plain.get_weights(), strict=True))


class Sampled(keras.Model):
    """A subclassed model; with ``noise`` it draws random numbers at inference too."""

    def __init__(self, noise=0.0):
        super().__init__()
        self.head, self.noise, self.seeds = layers.Dense(3, activation="softmax"), noise, keras.random.SeedGenerator(1)

    def call(self, x):
        if not self.noise:
            return self.head(x)
        return self.head(x + self.noise * keras.random.normal(keras.ops.shape(x), seed=self.seeds))


@pytest.mark.parametrize(
    ("make", "shuffle"),
    [
        pytest.param(Sampled, True, id="subclassed"),
        pytest.param(lambda: Sampled(0.3), False, id="random at inference"),
    ],
)
@pytest.mark.filterwarnings("ignore::remedy.errors.RemedyWarning")
def test_a_model_of_ones_own_is_trained_to_the_same_bits(store, make, shuffle):
    X, y = blobs(rows=64)

    def made():
        keras.utils.set_random_seed(3)
        model = make()
        model.compile("adam", "categorical_crossentropy", run_eagerly=True)
        keras.utils.set_random_seed(5)
        return model

    plain = made()
    plain.fit(X, y, epochs=2, batch_size=32, shuffle=shuffle, verbose=0)
    model = made()
    remedy.fit(model, X, y, epochs=2, batch_size=32, shuffle=shuffle, verbose=0, search=False, log_data=False)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), plain.get_weights(), strict=True))
