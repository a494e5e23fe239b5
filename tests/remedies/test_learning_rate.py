import keras
import numpy as np
import pytest

from remedy.remedies.learning_rate import LearningRate
from remedy.testing import check_rewritten

from ..conftest import blobs, dense, stuck_run_of


def _doses(optimizer):
    recipe, data = stuck_run_of(dense(optimizer=optimizer), *blobs())
    return [dose["rate"] for dose in LearningRate().usual_doses(recipe, data)]


@pytest.mark.parametrize(
    ("optimizer", "rates"),
    [
        (keras.optimizers.Adam(1e-5), [1e-3, 3e-3]),
        (keras.optimizers.Adam(0.1), [1e-3, 1e-3 / 3]),
        (keras.optimizers.SGD(1e-5), [1e-2, 3e-2]),
    ],
)
def test_the_textbook_rate_of_the_optimizer_is_tried_first(optimizer, rates):
    assert _doses(optimizer) == pytest.approx(rates, rel=1e-5)


def test_from_the_textbook_rate_no_way_is_guessed_and_a_schedule_on_it_is_made_constant():
    assert _doses(keras.optimizers.Adam(1e-3)) == []
    falling = keras.optimizers.schedules.ExponentialDecay(1e-3, 10, 0.5)
    assert _doses(keras.optimizers.Adam(falling)) == pytest.approx([1e-3])


def test_a_constant_rate_replaces_a_schedule():
    schedule = keras.optimizers.schedules.InverseTimeDecay(1e-4, 1, 1e-4)
    recipe, data = stuck_run_of(dense(optimizer=keras.optimizers.Adam(schedule)), *blobs())
    changed = check_rewritten(LearningRate(), recipe, data, rate=0.01, schedule="constant")
    assert float(changed.build(data, 0).optimizer.learning_rate) == pytest.approx(0.01)


def test_a_cosine_schedule_ends_at_zero_with_the_last_planned_step():
    recipe, data = stuck_run_of(dense(), *blobs())
    changed = check_rewritten(LearningRate(), recipe, data, rate=0.02, schedule="cosine")
    schedule = changed.build(data, 0).optimizer._learning_rate
    steps = recipe.epochs * int(np.ceil(len(data.train) / 32))
    assert float(schedule(0)) == pytest.approx(0.02)
    assert float(schedule(steps)) == pytest.approx(0.0, abs=1e-8)
