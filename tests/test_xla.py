import pytest

from remedy import registry
from remedy.data.scores import scorer_for
from remedy.testing import specimen
from remedy.training import xla
from remedy.training.engines._base import Job
from remedy.training.engines.inline import InlineEngine
from remedy.training.xla import TimedSteps, time_steps


def _engine(data):
    data = data.for_search(0)
    return InlineEngine(data, scorer_for(data.task, data.holdout.target), registry.detectors())


def test_compiling_pays_only_where_the_steps_ahead_save_more_than_it_costs():
    plain, compiled = TimedSteps(1.0, 0.010), TimedSteps(6.0, 0.004)
    assert compiled.seconds(500) > plain.seconds(500)
    assert compiled.seconds(2000) < plain.seconds(2000)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_few_steps_are_timed_and_the_first_one_compiles(compiled):
    recipe, data = specimen()
    found = time_steps(recipe, data, 0, compiled)
    assert found.first > found.step > 0


def test_what_cannot_be_compiled_is_trained_without(monkeypatch):
    recipe, data = specimen()

    def fails(*args):
        raise RuntimeError("no kernel")

    monkeypatch.setattr(xla, "time_steps", fails)
    assert not xla.xla_pays(recipe, data, 0, 10_000)


@pytest.mark.slow
def test_the_choice_of_the_user_is_left_alone():
    recipe, data = specimen()
    engine = _engine(data)
    outcome = engine.train(Job(recipe.replace(jit_compile=True), 0, 1, "asked"))
    assert outcome.error is None
    assert all(compiled.model.jit_compile for compiled in engine._compiled.values())
    assert engine._xla is None
