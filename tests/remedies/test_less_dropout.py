from remedy.remedies.less_dropout import LessDropout
from remedy.testing import check_rewritten, check_unchanged

from ..conftest import blobs, dense, patient_of


def test_rates_above_the_cap_are_capped_and_others_kept():
    recipe, data = patient_of(dense(dropout=0.6, widths=(8, 8)), *blobs())
    changed = check_rewritten(LessDropout(), recipe, data, rate=0.1)
    assert [la["config"]["rate"] for la in changed.architecture.layers("Dropout")] == [0.1, 0.1]


def test_a_net_without_dropout_is_left_as_it_is():
    check_unchanged(LessDropout(), *patient_of(dense(), *blobs()), rate=0.1)
