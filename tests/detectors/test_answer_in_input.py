import keras
import numpy as np

import remedy
from remedy.data.task import stands_in

WAVE = np.sin(np.arange(400) / 7).astype("float32") + np.random.default_rng(0).normal(0, 0.1, 400).astype("float32")
WINDOWS = np.lib.stride_tricks.sliding_window_view(WAVE, 12)


def _named(X, y):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return {d.name: d.message for d in remedy.diagnose(model, X, y).diagnoses}


def test_a_window_that_holds_the_value_it_forecasts_is_named_with_the_place():
    message = _named(WINDOWS[..., None], WINDOWS[:, -1])["answer-in-input"]
    assert "place 11, 0 of X" in message


def test_it_is_seen_behind_a_scaling_too():
    assert "answer-in-input" in _named((WINDOWS - WAVE.mean()) / WAVE.std(), WINDOWS[:, -1])


def test_a_window_that_ends_before_is_left_alone():
    assert "answer-in-input" not in _named(WINDOWS[:-1], WAVE[12:])


def test_a_line_through_one_column_is_an_exercise_and_no_leak():
    x = np.linspace(-1, 1, 60)[:, None]
    assert stands_in(x, 2 * x - 1) is None
    assert stands_in(x, x) is None


def test_a_label_that_stayed_in_the_table_is_found_and_one_that_follows_from_it_is_not():
    table = np.random.default_rng(0).normal(size=(80, 3))
    label = (table[:, 0] > 0).astype("int64")
    assert stands_in(table, label) is None
    assert stands_in({"a": table, "b": np.stack([table[:, 1], label], 1)}, label) == "place 1 of input 'b'"
