from remedy.remedies.batch_size import BatchSize
from remedy.testing import check_rewritten, check_unchanged

from ..conftest import blobs, dense, stuck_run_of


def test_single_rows_and_whole_sets_become_batches_of_32():
    for rows in (1, 320):
        recipe, data = stuck_run_of(dense(), *blobs(), batch_size=rows)
        dose = BatchSize().usual_doses(recipe, data)[0]
        assert check_rewritten(BatchSize(), recipe, data, train=False, **dose).batch_size == 32


def test_it_is_left_as_it_is_where_steps_are_given_or_rows_too_few():
    check_unchanged(BatchSize(), *stuck_run_of(dense(), *blobs(), steps_per_epoch=5), rows=8)
    check_unchanged(BatchSize(), *stuck_run_of(dense(), *blobs(rows=100)), rows=128)
