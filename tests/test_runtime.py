import gc
import time

import keras
import numpy as np
import pytest
from keras import layers

from remedy.training.runtime import free_iterators, rare_collections


def _model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


class Waits(keras.callbacks.Callback):
    """Waits at the end of the first epoch, and times how long the next batch then takes to come."""

    def __init__(self, seconds, free):
        super().__init__()
        self.seconds, self.free, self.after, self._since = seconds, free, None, None

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            if self.free:
                free_iterators()
            time.sleep(self.seconds)
            self._since = time.perf_counter()

    def on_train_batch_begin(self, batch, logs=None):
        if self._since is not None and self.after is None:
            self.after = time.perf_counter() - self._since


X = np.random.default_rng(0).standard_normal((96, 3)).astype("float32")


@pytest.mark.timing
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's iterators")
def test_a_training_that_waited_goes_on_at_once():
    waits = Waits(4.0, free=True)
    _model().fit(X, X[:, :1], epochs=2, validation_split=0.25, verbose=0, callbacks=[waits])
    assert waits.after < 0.5


@pytest.mark.parametrize("given", [{}, {"validation_split": 0.25}, {"steps_per_epoch": 2}])
def test_a_training_whose_iterators_were_freed_ends_with_the_same_weights(given):
    weights = []
    for free in (False, True):
        model = _model()
        model.fit(X, X[:, :1], epochs=3, verbose=0, callbacks=[Waits(0.0, free)], **given)
        weights.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_array_equal(*weights)


def test_outside_of_a_training_there_is_nothing_to_free():
    free_iterators()


def test_the_collector_is_put_back_as_it_was():
    before = gc.get_threshold()
    with rare_collections():
        assert gc.get_threshold() != before
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
