import keras
from keras import layers

from remedy.remedies.add_normalization import AddNormalization
from remedy.testing import check_patch, check_rewritten, check_saved, check_unchanged

from ..conftest import blobs, dense, stuck_run_of


def test_a_normalization_stands_between_weights_and_activation():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, "tanh"), layers.Dense(3, "softmax")])
    model.compile("adam", "categorical_crossentropy")
    recipe, data = stuck_run_of(model, *blobs())
    changed = check_rewritten(AddNormalization(), recipe, data, train=False, kind="batch")
    kinds = [la["class_name"] for la in changed.architecture.layers()]
    assert kinds == ["InputLayer", "Dense", "BatchNormalization", "Activation", "Dense"]
    check_saved(changed, data)


def test_branches_of_a_functional_model_are_normalised_and_the_sum_is_kept():
    keras.utils.set_random_seed(0)
    first = keras.Input((6,))
    branches = [layers.Dense(5, "relu", name=name)(first) for name in ("left", "right")]
    model = keras.Model(first, layers.Dense(3, "softmax")(layers.Add()(branches)))
    model.compile("adam", "categorical_crossentropy")
    recipe, data = stuck_run_of(model, *blobs())
    changed = check_rewritten(AddNormalization(), recipe, data, train=False, kind="layer")
    assert len(list(changed.architecture.layers("LayerNormalization"))) == 2
    check_patch(AddNormalization(), recipe, data, kind="layer")


def test_small_batches_get_layer_normalization_first():
    recipe, data = stuck_run_of(dense(), *blobs(), batch_size=4)
    assert AddNormalization().usual_doses(recipe, data)[0] == {"kind": "layer"}


def test_a_normalised_net_is_left_as_it_is():
    check_unchanged(AddNormalization(), *stuck_run_of(dense(norm=True), *blobs()), kind="batch")
