"""The user's own callbacks are part of the program that trials and proof train."""

import keras
import pytest

from remedy import registry
from remedy.data.scores import scorer_for
from remedy.recipe.own_callbacks import left_out, make_callbacks, read_callbacks, scheduled_rates, with_rates
from remedy.recipe.recipe import Recipe
from remedy.remedies.learning_rate import LearningRate
from remedy.remedies.optimizer import Optimizer
from remedy.training.engines._base import Job
from remedy.training.engines.inline import InlineEngine

from .conftest import blobs, dense, stuck_run_of


def test_keras_callbacks_that_steer_come_back_with_their_arguments():
    stop = keras.callbacks.EarlyStopping("loss", patience=4, restore_best_weights=True, min_delta=0.01)
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.3, patience=2, cooldown=1, min_lr=1e-5)
    again = make_callbacks(read_callbacks([stop, plateau, keras.callbacks.TerminateOnNaN()]))
    assert [type(c).__name__ for c in again] == ["EarlyStopping", "ReduceLROnPlateau", "TerminateOnNaN"]
    assert (again[0].monitor, again[0].patience, again[0].restore_best_weights) == ("loss", 4, True)
    assert (again[1].factor, again[1].cooldown, again[1].min_lr) == (0.3, 1, 1e-5)
    assert again[0] is not stop


def test_what_waits_for_validation_rows_waits_for_nothing_without_any():
    stop = keras.callbacks.EarlyStopping("val_loss")
    assert read_callbacks([stop], validated=False) == ()
    assert len(read_callbacks([stop], validated=True)) == 1


@pytest.mark.parametrize("schedule", [lambda epoch, rate: rate * 0.5, lambda epoch: 0.1 * 0.5 ** (epoch + 1)])
def test_a_schedule_becomes_a_table_of_rates(schedule):
    callback = keras.callbacks.LearningRateScheduler(schedule)
    rates = scheduled_rates([callback], 0.1, 3)
    assert rates == pytest.approx([0.05, 0.025, 0.0125])
    (again,) = make_callbacks(with_rates(read_callbacks([callback]), rates))
    assert [again.schedule(epoch, 9.0) for epoch in range(4)] == pytest.approx([0.05, 0.025, 0.0125, 0.0125])


def test_callbacks_of_the_users_own_are_named_and_left_out():
    class Mine(keras.callbacks.Callback):
        pass

    assert left_out([Mine(), keras.callbacks.EarlyStopping(), keras.callbacks.CSVLogger("x")]) == ["Mine"]
    assert read_callbacks([Mine()]) == ()


def test_a_trial_follows_the_schedule_of_the_program_and_a_rate_of_a_remedy_does_not():
    X, y = blobs()
    recipe, data = stuck_run_of(dense(), X, y, epochs=4)
    spec = {"class_name": "LearningRateScheduler", "config": {"rates": [0.0, 0.0, 0.0, 0.0]}}
    frozen = recipe.replace(callbacks=(spec,))
    data = data.for_search(0)
    engine = InlineEngine(data, scorer_for(data.task, data.holdout.target), registry.detectors())
    first, last = engine.train(Job(frozen, 0, 1, "one")).scores[0], engine.train(Job(frozen, 0, 4, "four")).scores[-1]
    assert first == last
    for remedy, dose in ((LearningRate(), {"rate": 0.01}), (Optimizer(), {"kind": "SGD", "rate": 0.05})):
        freed = remedy.apply(frozen, data, **dose)
        assert freed.callbacks == ()
        assert engine.train(Job(freed, 0, 4, remedy.name)).scores[-1] > last + 0.1
        assert "LearningRateScheduler" in remedy.patch(frozen, data, **dose)


def test_an_early_stop_of_the_program_ends_a_trial_and_the_weights_that_it_leaves_are_scored():
    X, y = blobs()
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=10.0, restore_best_weights=True)
    recipe, data = stuck_run_of(dense(), X, y, epochs=6, callbacks=[stop])
    data = data.for_search(0)
    engine = InlineEngine(data, scorer_for(data.task, data.holdout.target), registry.detectors())
    outcome = engine.train(Job(recipe, 0, 6, "stopped"))
    assert outcome.evidence.epochs_seen == 2
    assert len(outcome.scores) == 6
    assert set(outcome.scores[1:]) == {outcome.scores[0]}


def test_the_callbacks_are_kept_with_a_recipe():
    X, y = blobs(rows=50)
    recipe, _ = stuck_run_of(dense(), X, y, callbacks=[keras.callbacks.EarlyStopping("loss", patience=7)])
    again = Recipe.from_dict(recipe.to_dict())
    assert again.callbacks[0]["config"]["patience"] == 7
    assert again.digest == recipe.digest
