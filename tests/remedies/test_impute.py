import numpy as np

from remedy.remedies.impute import Impute
from remedy.remedies.scale_inputs import ScaleInputs
from remedy.testing import check_patch, check_rewritten, check_saved, check_unchanged
from remedy.training.fit_recipe import fit_recipe

from ..conftest import blobs, dense, stuck_run_of


def _with_holes():
    X, y = blobs()
    X[::7, 2] = np.nan
    X[3, 1] = np.inf
    return stuck_run_of(dense(), X, y)


def test_rows_with_holes_can_be_trained_and_predicted_on():
    recipe, data = _with_holes()
    changed = check_rewritten(Impute(), recipe, data, train=False)
    model = changed.build(data, 0)
    history = fit_recipe(model, changed, data, 0, 0, 3, [])
    assert np.all(np.isfinite(history.history["loss"]))
    assert np.all(np.isfinite(np.asarray(model(data.train.X))))
    check_saved(changed, data)


def test_the_patch_does_the_same_alone_and_behind_a_scaling():
    recipe, data = _with_holes()
    check_patch(Impute(), recipe, data)
    scaled = ScaleInputs().apply(recipe, data, kind="robust")
    assert Impute().apply(scaled, data).input_scaling.kind == "robust"


def test_inputs_without_holes_are_left_as_they_are():
    check_unchanged(Impute(), *stuck_run_of(dense(), *blobs()))
