"""move-threshold: the bias of the head takes the threshold, and no training is needed."""

import keras
import numpy as np
import pytest
from keras import layers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import balanced_accuracy, scorer_for
from remedy.recipe.recipe import Recipe
from remedy.remedies.move_threshold import MoveThreshold
from remedy.testing import check_rewritten, check_unchanged
from remedy.training.engines._base import Job
from remedy.training.engines.inline import InlineEngine

from ..conftest import blobs, dense, stuck_run_of


def _rare(logits=False):
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.06).astype("float32")
    X = (rng.standard_normal((2000, 12)) + 0.7 * y[:, None]).astype("float32")
    keras.utils.set_random_seed(0)
    head = layers.Dense(1) if logits else layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input((12,)), layers.Dense(8, activation="relu"), head])
    model.compile(keras.optimizers.Adam(0.005), keras.losses.BinaryCrossentropy(from_logits=logits))
    data = Dataset(Rows(X[:1500], y[:1500]), Rows(X[1500:], y[1500:]), "binary")
    return model, Recipe.from_model(model, {"epochs": 6, "batch_size": 32}), data


@pytest.mark.parametrize("logits", [False, True], ids=["probabilities", "raw scores"])
def test_a_trial_with_a_moved_threshold_finds_the_rare_class(logits):
    _, recipe, data = _rare(logits)
    changed = check_rewritten(MoveThreshold(), recipe, data)
    ready = data.for_search(0)
    engine = InlineEngine(ready, scorer_for("binary", ready.holdout.target), registry.detectors())
    before, after = (engine.train(Job(r, 0, 6, r.digest, stop_when_stuck=False)).score for r in (recipe, changed))
    assert after > before + 0.1
    model = engine.model(changed.digest)
    found = balanced_accuracy(ready.validation.y, model.predict(ready.validation.X, verbose=0), logits)
    assert found == pytest.approx(after, abs=1e-6)


@pytest.mark.parametrize("logits", [False, True], ids=["probabilities", "raw scores"])
def test_the_lines_of_the_patch_do_the_same_after_training(logits):
    model, recipe, data = _rare(logits)
    model.fit(data.train.X, data.train.y, epochs=6, verbose=0)
    held = data.validation
    before = balanced_accuracy(held.y, model.predict(held.X, verbose=0), logits)
    names = {"np": np, "keras": keras}
    exec(MoveThreshold().patch(recipe, data), names)
    names["move_threshold"](model, held.X, held.y)
    assert balanced_accuracy(held.y, model.predict(held.X, verbose=0), logits) > before + 0.1


def test_several_classes_have_no_threshold():
    check_unchanged(MoveThreshold(), *stuck_run_of(dense(), *blobs()))
