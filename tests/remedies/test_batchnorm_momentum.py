from remedy.remedies.batchnorm_momentum import BatchNormMomentum
from remedy.testing import check_patch, check_rewritten, check_unchanged

from ..conftest import blobs, dense, stuck_run_of
from .test_less_dropout import nested_program


def test_the_momentum_of_every_layer_is_lowered():
    recipe, data = stuck_run_of(dense(norm=True, widths=(8, 8)), *blobs())
    changed = check_rewritten(BatchNormMomentum(), recipe, data, momentum=0.9)
    assert [la["config"]["momentum"] for la in changed.architecture.layers("BatchNormalization")] == [0.9, 0.9]


def test_a_net_without_such_layers_or_with_faster_ones_is_left_as_it_is():
    check_unchanged(BatchNormMomentum(), *stuck_run_of(dense(), *blobs()), momentum=0.9)
    recipe, data = stuck_run_of(dense(norm=True), *blobs())
    fast = BatchNormMomentum().apply(recipe, data, momentum=0.5)
    check_unchanged(BatchNormMomentum(), fast, data, momentum=0.9)


def test_normalization_in_inner_models_is_found_too():
    recipe, data = nested_program()
    changed = check_rewritten(BatchNormMomentum(), recipe, data, momentum=0.9)
    assert [la["config"]["momentum"] for la in changed.architecture.layers("BatchNormalization")] == [0.9]
    check_patch(BatchNormMomentum(), recipe, data, momentum=0.9)
