import keras

from remedy.remedies.optimizer import Optimizer
from remedy.testing import check_rewritten, check_unchanged

from ..conftest import blobs, dense, stuck_run_of


def test_plain_descent_becomes_adam_and_its_bounds_on_gradients_stay():
    recipe, data = stuck_run_of(dense(optimizer=keras.optimizers.SGD(1e-6, clipnorm=2.0)), *blobs())
    dose = Optimizer().usual_doses(recipe, data)[0]
    changed = check_rewritten(Optimizer(), recipe, data, **dose)
    built = changed.build(data, 0).optimizer
    assert (type(built).__name__, round(float(built.learning_rate), 6), built.clipnorm) == ("Adam", 0.001, 2.0)


def test_adam_is_left_to_the_search_and_can_become_descent_with_momentum():
    recipe, data = stuck_run_of(dense(), *blobs())
    assert not Optimizer().usual_doses(recipe, data)
    changed = check_rewritten(Optimizer(), recipe, data, kind="SGD", rate=0.01)
    assert changed.build(data, 0).optimizer.momentum == 0.9


def test_the_same_optimizer_at_the_same_rate_is_left_as_it_is():
    recipe, data = stuck_run_of(dense(rate=0.5), *blobs())
    check_unchanged(Optimizer(), recipe, data, kind="Adam", rate=0.5)
