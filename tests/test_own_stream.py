"""A fix of a large stream is trained on the stream itself, as its recipe asks, and never on the rows it is scored on."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.recipe.recipe import Recipe, Resampling
from remedy.training.fit_recipe import fit_stream
from remedy.training.own_stream import Apart, NotApart, OwnStream

from .test_streams import _rows_by_class, _stuck_on, as_tf_data


def _recipe_of_three(**changes):
    wide, y = _rows_by_class()
    data = Dataset(Rows(wide[::3], y[::3]), None, "multiclass").for_search(0)
    return Recipe.from_model(_stuck_on(wide, y), {"epochs": 2, "batch_size": 50}).replace(**changes), data, wide, y


class _Places(keras.utils.PyDataset):
    def __init__(self, X, y):
        super().__init__()
        self.X, self.y = X, y

    def __len__(self):
        return 20

    def __getitem__(self, i):
        at = slice(30 * i, 30 * i + 30)
        return self.X[at], self.y[at]


@pytest.mark.parametrize("made", [as_tf_data, _Places])
def test_a_fix_is_trained_on_the_users_stream_without_the_rows_that_were_set_aside(made):
    recipe, data, wide, y = _recipe_of_three()
    own = OwnStream(made(wide, y), None, recipe, data, [data.holdout])
    for _ in range(2):
        batches = [X for X, _, _ in own.dataset().as_numpy_iterator()]
        assert {len(X) for X in batches[:-1]} == {50}
        seen = {row.tobytes() for X in batches for row in X}
        assert not seen & {row.tobytes() for row in data.holdout.X}
        assert seen >= {row.tobytes() for row in data.train.X}
        assert own.rows == sum(map(len, batches)) == 600 - len(data.holdout)
        assert own.apart()
    history = fit_stream(recipe.build(data, 0), recipe.replace(epochs=3), own.dataset(), [Apart(own)], data.holdout)
    assert history.epoch == [0, 1, 2]
    assert len(history.history["val_loss"]) == 3


def test_rows_of_the_users_stream_are_weighted_and_drawn_as_the_fix_asks():
    recipe, data, wide, y = _recipe_of_three(class_weight={0: 1.0, 1: 2.0, 2: 4.0}, resampling=Resampling("random"))
    rare = np.concatenate([np.flatnonzero(y != 2), np.flatnonzero(y == 2)[:30]])
    data = replace(data, train=data.train.take(np.flatnonzero(np.isin(np.arange(len(data.train)) % 5, (0, 1)))))
    own = OwnStream(as_tf_data(wide[rare], y[rare]), None, recipe, data, [])
    labels, weights = (
        np.concatenate(parts) for parts in zip(*[(b[1], b[2]) for b in own.dataset().as_numpy_iterator()], strict=True)
    )
    assert {int(k): float(weights[labels == k].mean()) for k in (0, 1, 2)} == {0: 1.0, 1: 2.0, 2: 4.0}
    most = max(data.class_counts.values())
    for label, count in data.class_counts.items():
        here = np.sum(y[rare] == label)
        assert np.sum(labels == label) == pytest.approx(here * most / count, rel=0.2)


def test_a_stream_that_gives_its_rows_in_another_form_every_time_keeps_nothing_apart():
    recipe, data, wide, y = _recipe_of_three()
    noisy = as_tf_data(wide, y).map(lambda a, b: (a + tf.random.normal(tf.shape(a)), b))
    own = OwnStream(noisy, None, recipe, data, [data.holdout])
    model = recipe.build(data, 0)
    with pytest.raises(NotApart):
        fit_stream(model, recipe, own.dataset(), [Apart(own)], None)
