"""The inline engine: sharing a compiled model changes speed and nothing else."""

import keras
import numpy as np
import pytest

from remedy import registry
from remedy.data.scores import scorer_for
from remedy.evidence.static import static_evidence
from remedy.recipe.seeds import keep_random_state
from remedy.training.engines._base import Job
from remedy.training.engines.inline import InlineEngine, trace_key
from remedy.training.fit_recipe import fit_recipe
from remedy.training.recorder import EvidenceRecorder

from .conftest import blobs, dense, stuck_run_of


def _engine(data):
    data = data.for_search(0)
    return InlineEngine(data, scorer_for(data.task, data.holdout.target), registry.detectors()), data


def _plain(recipe, data, seed, epochs):
    """The same training without the engine: a new model, Keras' fit, the same scores."""
    model = recipe.build(data, seed)
    keras.utils.set_random_seed(seed)
    scorer = scorer_for(data.task, data.holdout.target)
    recorder = EvidenceRecorder(static_evidence(recipe, data), (), probe=data.validation, scorer=scorer, recipe=recipe)
    fit_recipe(model, recipe, data, seed, 0, epochs, [recorder])
    return tuple(recorder.scores)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "adagrad", keras.optimizers.SGD(0.01, momentum=0.9)])
def test_a_shared_model_scores_as_a_plain_fresh_training_does(optimizer):
    model = dense(optimizer=keras.optimizers.get(optimizer), norm=True, dropout=0.3)
    recipe, data = stuck_run_of(model, *blobs(rows=500, shares=[0.7, 0.2, 0.1], scale=0.4), shuffle=False)
    engine, data = _engine(data)
    first = recipe.with_optimizer(learning_rate=0.003)
    second = recipe.with_optimizer(learning_rate=0.03).replace(class_weight={0: 0.5, 1: 2.0, 2: 4.0})
    assert trace_key(first) == trace_key(second)
    engine.train(Job(first, 1, 3, "a"))
    shared = engine.train(Job(second, 2, 3, "b"))
    assert len(engine._compiled) == 1
    assert shared.scores == pytest.approx(_plain(second, data, 2, 3))


def test_a_job_is_not_given_up_before_it_has_made_a_few_dozen_steps():
    recipe, data = stuck_run_of(dense(optimizer=keras.optimizers.SGD(1e-7)), *blobs(rows=60), batch_size=64, epochs=80)
    engine, _ = _engine(data)
    outcome = engine.train(Job(recipe, 0, 80, "a"))
    assert outcome.stuck
    assert 50 <= len(outcome.scores) < 80


def test_a_range_test_finds_a_rate_between_useless_and_destructive_and_leaves_no_trace():
    recipe, data = stuck_run_of(dense(rate=1e-9), *blobs(rows=600, scale=0.4), batch_size=16)
    engine, _ = _engine(data)
    before = np.random.get_state()[1].copy()
    rate = engine.suggest_rate(recipe, 0)
    assert 1e-4 < rate < 0.3
    assert np.array_equal(np.random.get_state()[1], before)


def test_a_training_that_went_on_keeps_its_weights_while_others_used_the_model():
    recipe, data = stuck_run_of(dense(), *blobs(rows=500, scale=0.4))
    engine, data = _engine(data)
    first = engine.train(Job(recipe, 1, 2, "a"))
    engine.train(Job(recipe, 5, 2, "other"))
    on = engine.train(Job(recipe, 1, 6, "a"))
    assert on.scores[:2] == first.scores
    assert len(on.scores) == 6
    assert on.evidence.loss[-1] < first.evidence.loss[-1]


def test_the_model_of_a_job_answers_as_it_did_when_it_was_scored():
    recipe, data = stuck_run_of(dense(), *blobs(rows=500, scale=0.4))
    engine, data = _engine(data)
    outcome = engine.train(Job(recipe, 1, 3, "a"))
    engine.train(Job(recipe, 9, 1, "b"))
    scorer = scorer_for(data.task, data.holdout.target)
    assert scorer(data.validation.y, engine.model("a").predict(data.validation.X, verbose=0)) == outcome.score


def test_a_recipe_that_cannot_be_built_gives_an_error_and_no_exception():
    recipe, data = stuck_run_of(dense(), *blobs())
    engine, _ = _engine(data)

    def wrong(layer):
        layer["config"]["units"] = 7

    broken = recipe.replace(architecture=recipe.architecture.edit(wrong, "Dense"))
    assert "shape" in engine.train(Job(broken, 0, 1, "x")).error.lower()


def test_a_job_whose_time_is_over_ends_with_a_short_epoch_and_a_score():
    recipe, data = stuck_run_of(dense(), *blobs(rows=2000))
    engine, _ = _engine(data)
    outcome = engine.train(Job(recipe, 0, 50, "x", deadline=engine.clock()))
    assert len(outcome.scores) == 1
    assert outcome.cut
    assert not engine.train(Job(recipe, 0, 1, "y", deadline=engine.clock())).in_full(1)
    assert engine.train(Job(recipe, 0, 1, "z")).in_full(1)


def test_a_job_that_is_stuck_ends_as_soon_as_the_detectors_are_certain():
    X, y = blobs(rows=500, scale=100.0, shift=500.0, shares=[0.85, 0.1, 0.05])
    recipe, data = stuck_run_of(dense(optimizer=keras.optimizers.SGD(0.05)), X, y, epochs=20)
    engine, _ = _engine(data)
    outcome = engine.train(Job(recipe, 0, 20, "x"))
    assert outcome.stuck in ("majority-collapse", "constant-output")
    assert 4 <= len(outcome.scores) <= 5


def test_random_numbers_of_the_user_go_on_as_if_nothing_had_happened():
    recipe, data = stuck_run_of(dense(), *blobs())
    engine, _ = _engine(data)
    np.random.seed(3)
    expected = np.random.random(4)
    np.random.seed(3)
    first = np.random.random(2)
    engine.train(Job(recipe, 0, 1, "x"))
    assert np.array_equal(np.concatenate([first, np.random.random(2)]), expected)
    with keep_random_state():
        keras.utils.set_random_seed(1)
    assert np.random.get_state()[1][0] != 1
