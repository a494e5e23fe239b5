"""Rungs: little at first, on a sample where even one epoch is much, and the best go on with all rows."""

import numpy as np
import pytest

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import scorer_for
from remedy.search.budget import FEWEST_ROWS, Budget, Rung
from remedy.search.context import SearchContext
from remedy.search.options import Search
from remedy.search.schedule import Schedule
from remedy.training.engines._base import Job
from remedy.training.engines.inline import InlineEngine
from remedy.training.engines.scripted import ScriptedEngine

from .conftest import blobs, dense, stuck_run_of
from .test_search import SICK, Heard


@pytest.mark.parametrize(
    ("epochs", "rung"),
    [(7.9, Rung(7)), (1.0, Rung(1)), (50.0, Rung(20)), (0.25, Rung(1, 0.25)), (0.0001, Rung(1, FEWEST_ROWS / 10_000))],
)
def test_a_rung_is_what_there_is_time_for(epochs, rung):
    assert Rung.affordable(epochs, planned=20, rows=10_000) == rung


def test_a_sample_is_never_asked_for_more_rows_than_there_are():
    assert Rung.affordable(0.1, planned=20, rows=100) == Rung(1, 1.0)


def test_a_part_of_the_rows_keeps_the_classes_and_touches_training_rows_only():
    X, y = blobs(rows=1000, shares=[0.8, 0.15, 0.05])
    data = Dataset(Rows(X[:800], y[:800]), Rows(X[800:], y[800:]), "multiclass")
    part = data.part(0.25)
    assert 195 <= len(part.train) <= 225
    assert part.validation is data.validation
    shares = part.train.y.mean(0)
    assert np.abs(shares - y[:800].mean(0)).max() < 0.06
    assert data.part(1.0) is data


def test_a_job_on_a_sample_goes_on_with_its_weights_on_all_rows():
    recipe, data = stuck_run_of(dense(), *blobs(rows=2000), epochs=4)
    data = data.for_search(0)
    engine = InlineEngine(data, scorer_for(data.task, data.holdout.target), registry.detectors())
    little = engine.train(Job(recipe, 0, 1, "a", rows=0.2))
    whole = engine.train(Job(recipe, 0, 1, "b"))
    assert little.scores != whole.scores
    on = engine.train(Job(recipe, 0, 3, "a"))
    assert on.scores[0] == little.scores[0]
    assert len(on.scores) == 3


def test_where_an_epoch_is_long_candidates_get_a_sample_and_the_best_all_rows():
    recipe, data = stuck_run_of(dense(), *blobs(rows=5000), epochs=10)
    data = data.for_search(0)

    def script(job, epoch):
        return 0.3 + 0.05 * epoch + (0.2 if job.recipe.input_scaling else 0.0)

    engine = ScriptedEngine(script, seconds_per_epoch=4.0)
    options = Search(timeout=120.0)
    search = SearchContext(data, recipe, registry.remedies(), engine, options, Heard(), Budget(120.0, engine))
    made = Schedule(search)
    made.run(SICK, seconds_per_epoch=20.0)
    first = [job for job in engine.jobs if job.key == engine.jobs[1].key]
    assert {job.rows < 1 for job in first[:1]} == {True}
    assert any(job.rows == 1.0 for job in engine.jobs)
    assert all(attempt.seconds_per_epoch >= 4.0 for attempt in made.ledger if attempt.outcome.scores)
