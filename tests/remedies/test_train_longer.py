from remedy.remedies.train_longer import TrainLonger
from remedy.testing import check_rewritten

from ..conftest import blobs, dense, stuck_run_of


def test_the_factor_gives_a_thousand_steps():
    recipe, data = stuck_run_of(dense(), *blobs(), epochs=20)
    dose = TrainLonger().usual_doses(recipe, data)[0]
    assert dose == {"factor": 5}
    assert check_rewritten(TrainLonger(), recipe, data, train=False, **dose).epochs == 100


def test_a_single_epoch_is_stretched_most():
    recipe, data = stuck_run_of(dense(), *blobs(rows=60), epochs=1)
    assert TrainLonger().usual_doses(recipe, data)[0] == {"factor": 30}
