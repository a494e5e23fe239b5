import keras

from remedy.remedies.clip_gradients import ClipGradients
from remedy.testing import check_rewritten, check_unchanged

from ..conftest import blobs, dense, stuck_run_of


def test_the_norm_of_all_gradients_is_bounded():
    recipe, data = stuck_run_of(dense(optimizer=keras.optimizers.SGD(0.1, clipvalue=50.0)), *blobs())
    changed = check_rewritten(ClipGradients(), recipe, data, norm=1.0)
    assert changed.build(data, 0).optimizer.global_clipnorm == 1.0


def test_a_tighter_bound_is_left_as_it_is():
    recipe, data = stuck_run_of(dense(optimizer=keras.optimizers.SGD(0.1, clipnorm=0.5)), *blobs())
    check_unchanged(ClipGradients(), recipe, data, norm=1.0)
