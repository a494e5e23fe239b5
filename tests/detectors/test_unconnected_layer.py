import keras
import numpy as np
from keras import layers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import Evidence
from remedy.evidence.model_facts import live_layer_facts
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe

from ..conftest import blobs, dense, stuck_run_of


def _judged(evidence):
    return diagnose(evidence, registry.detectors(["ARC307"])).diagnoses


def _two_inputs(connected):
    signal, age = keras.Input((6,), name="signal"), keras.Input((1,), name="age")
    x = layers.Dense(16, activation="relu")(signal)
    x = layers.Concatenate()([x, age]) if connected else x
    model = keras.Model([signal, age], layers.Dense(3, activation="softmax")(x))
    model.compile("adam", "categorical_crossentropy")
    X, y = blobs()
    both = [X, np.ones((len(X), 1), "float32")]
    data = Dataset(
        Rows([part[:300] for part in both], y[:300]), Rows([part[300:] for part in both], y[300:]), "multiclass"
    )
    return _judged(static_evidence(Recipe.from_model(model, {"epochs": 5}), data))


def test_an_input_that_nothing_reads_is_found_by_name():
    (found,) = _two_inputs(connected=False)
    assert "'age'" in found.message
    assert "'signal'" not in found.message


def test_inputs_that_are_read_are_left_alone():
    assert _two_inputs(connected=True) == ()


def test_a_plain_model_is_left_alone():
    assert _judged(static_evidence(*stuck_run_of(dense(dropout=0.2, norm=True), *blobs()))) == ()


class _Own(keras.Model):
    def __init__(self, forgets):
        super().__init__()
        self.forgets = forgets
        self.first, self.second = layers.Dense(8, activation="relu", name="first"), layers.Dense(8, name="second")
        self.turned = layers.Bidirectional(layers.LSTM(4))
        self.drop, self.head = layers.Dropout(0.1), layers.Dense(3, activation="softmax")

    def call(self, x):
        x = self.first(x)
        x = x if self.forgets else self.second(x)
        return self.head(self.drop(self.turned(x[:, None, :])))


def _own(forgets):
    model = _Own(forgets)
    model(blobs()[0][:4])
    return _judged(Evidence(layers=live_layer_facts(model)))


def test_a_layer_that_a_subclassed_model_never_calls_is_found():
    (found,) = _own(forgets=True)
    assert "'second'" in found.message


def test_a_subclassed_model_that_calls_all_its_layers_is_left_alone():
    assert _own(forgets=False) == ()
