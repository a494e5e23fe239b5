"""What a search has traced and no longer needs leaves the memory."""

import gc

import keras
import pytest

from remedy.training.engines import inline
from remedy.training.engines._base import Job
from remedy.training.runtime import forgotten_gradients

from .conftest import blobs, dense, stuck_run_of
from .test_engine import _engine

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a registry of TensorFlow's")


def _alive(kind):
    gc.collect()
    return sum(type(o).__name__ == kind for o in gc.get_objects())  # What was frozen before the test is not seen.


@tensorflow_only
def test_models_and_graphs_of_evicted_trials_are_freed_though_what_they_learned_is_kept(monkeypatch):
    monkeypatch.setattr(inline, "COMPILED_MODELS", 1)
    recipe, data = stuck_run_of(dense(), *blobs(rows=200, scale=0.4))
    engine, _ = _engine(data)
    engine.train(Job(recipe, 0, 1, "first"))
    models, graphs = _alive("Functional"), _alive("FuncGraph")
    for clip in (1.0, 2.0, 3.0):
        engine.train(Job(recipe.with_optimizer(clipnorm=clip), 0, 1, f"clip {clip}"))
        assert engine.learned(f"clip {clip}") is not None
    assert len(engine._compiled) == 1
    assert _alive("Functional") <= models
    assert _alive("FuncGraph") <= graphs


@tensorflow_only
def test_custom_gradients_that_were_registered_before_stay():
    import tensorflow as tf

    @tf.custom_gradient
    def doubled(x):
        return 2 * x, lambda up: 5 * up

    compiled = tf.function(doubled)
    compiled(tf.constant(1.0))
    with forgotten_gradients():
        tf.function(lambda x: doubled(x + 1))(tf.constant(1.0))
    x = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        y = compiled(x)
    assert float(tape.gradient(y, x)) == 5.0
