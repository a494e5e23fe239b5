import keras
from keras import layers

from remedy.remedies.less_dropout import LessDropout
from remedy.testing import check_patch, check_rewritten, check_unchanged

from ..conftest import blobs, dense, stuck_run_of


def test_rates_above_the_cap_are_capped_and_others_kept():
    recipe, data = stuck_run_of(dense(dropout=0.6, widths=(8, 8)), *blobs())
    changed = check_rewritten(LessDropout(), recipe, data, rate=0.1)
    assert [la["config"]["rate"] for la in changed.architecture.layers("Dropout")] == [0.1, 0.1]


def test_a_net_without_dropout_is_left_as_it_is():
    check_unchanged(LessDropout(), *stuck_run_of(dense(), *blobs()), rate=0.1)


def nested_program():
    """A model with dropout and batch normalization in a model within it, and in a wrapped layer."""
    inner = keras.Sequential(
        [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.6)], name="inner"
    )
    start = keras.Input((6,))
    steps = layers.TimeDistributed(layers.Dropout(0.5))(layers.Reshape((2, 4))(inner(start)))
    model = keras.Model(start, layers.Dense(3, activation="softmax")(layers.Flatten()(steps)))
    model.compile("adam", "categorical_crossentropy")
    return stuck_run_of(model, *blobs(rows=200))


def test_dropout_in_inner_models_and_wrapped_layers_is_capped_too():
    recipe, data = nested_program()
    changed = check_rewritten(LessDropout(), recipe, data, rate=0.1)
    assert [la["config"]["rate"] for la in changed.architecture.layers("Dropout")] == [0.1, 0.1]
    check_patch(LessDropout(), recipe, data, rate=0.1)
