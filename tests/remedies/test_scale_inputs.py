from dataclasses import replace

import numpy as np
import pytest

from remedy.remedies.scale_inputs import ScaleInputs
from remedy.testing import check_rewritten, check_unchanged, specimen

from ..conftest import blobs, dense, stuck_run_of
from ..watch import watched


@pytest.mark.parametrize("kind", ["standard", "minmax", "robust", "per-sample"])
def test_every_kind_builds_and_trains(kind):
    check_rewritten(ScaleInputs(), *specimen(), kind=kind)


def test_a_net_that_could_not_learn_raw_values_learns_scaled_ones():
    recipe, data = stuck_run_of(dense(), *blobs(rows=500, scale=100.0, shift=5000.0), epochs=8)
    scaled = ScaleInputs().apply(recipe, data, kind="standard")
    assert watched(scaled, data).scores[-1] > watched(recipe, data).scores[-1] + 0.2


def test_signals_with_baselines_of_their_own_are_scaled_by_themselves_first():
    recipe, data = specimen()
    assert ScaleInputs().usual_doses(recipe, data)[0] == {"kind": "per-sample"}
    X = data.train.X - np.mean(data.train.X, axis=(1, 2), keepdims=True)
    level = replace(data, train=replace(data.train, X=X))
    assert ScaleInputs().usual_doses(recipe, level)[0] == {"kind": "standard"}


def test_a_row_of_one_number_has_no_spread_of_its_own():
    X, y = blobs(columns=1)
    check_unchanged(ScaleInputs(), *stuck_run_of(dense(columns=1), X, y), kind="per-sample")
