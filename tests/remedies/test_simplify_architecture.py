import keras
import pytest
from keras import layers

from remedy.recipe.recipe import Recipe
from remedy.remedies.simplify_architecture import SimplifyArchitecture
from remedy.testing import check_rewritten, check_unchanged, specimen

from ..conftest import blobs, dense, stuck_run_of


def _widths(recipe):
    return [
        la["config"].get("filters", la["config"].get("units")) for la in recipe.architecture.layers("Conv1D", "Dense")
    ]


def test_half_the_width_spares_the_output():
    recipe, data = specimen()
    changed = check_rewritten(SimplifyArchitecture(), recipe, data, width=0.5, blocks=0, stem=1)
    assert (_widths(recipe), _widths(changed)) == ([8, 8, 16, 8, 3], [4, 4, 8, 4, 3])


def test_a_block_less_takes_the_last_hidden_layer_and_what_hangs_on_it():
    recipe, data = stuck_run_of(dense(widths=(16, 12, 8), dropout=0.3), *blobs())
    changed = check_rewritten(SimplifyArchitecture(), recipe, data, width=1.0, blocks=1, stem=1)
    assert _widths(changed) == [16, 12, 3]
    assert len(list(changed.architecture.layers("Dropout"))) == 2


def test_a_long_signal_gets_a_strided_stem():
    recipe, data = specimen()
    assert SimplifyArchitecture().usual_doses(recipe, data)[0]["stem"] == 2
    changed = check_rewritten(SimplifyArchitecture(), recipe, data, width=1.0, blocks=0, stem=2)
    assert next(changed.architecture.layers("Conv1D"))["config"]["strides"] == [2]


def test_a_functional_chain_loses_a_block_too():
    inputs = keras.Input((6,))
    x = layers.Dense(8, activation="relu")(inputs)
    x = layers.Dense(8, activation="relu")(x)
    x = layers.Dense(8, activation="relu")(x)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(x))
    model.compile("adam", "categorical_crossentropy")
    recipe, data = stuck_run_of(model, *blobs())
    changed = check_rewritten(SimplifyArchitecture(), recipe, data, width=1.0, blocks=2, stem=1)
    assert len(list(changed.architecture.layers("Dense"))) == 2


@pytest.mark.parametrize("dose", [{"width": 1.0, "blocks": 0, "stem": 4}, {"width": 1.0, "blocks": 1, "stem": 1}])
def test_a_short_input_gets_no_stride_and_a_small_net_loses_no_block(dose):
    check_unchanged(SimplifyArchitecture(), *stuck_run_of(dense(), *blobs()), **dose)


def test_an_opaque_model_is_left_as_it_is():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    X, y = blobs()
    model = Own()
    model.compile("adam", "mse")
    model(X[:1])
    _, data = stuck_run_of(dense(), X, y)
    check_unchanged(SimplifyArchitecture(), Recipe.from_model(model, {}), data, width=0.5, blocks=0, stem=1)


def test_a_deep_plain_stack_is_cut_down_to_three_hidden_layers():
    recipe, data = stuck_run_of(dense(widths=(8,) * 9), *blobs())
    dose = SimplifyArchitecture().usual_doses(recipe, data)[0]
    assert dose == {"width": 1.0, "blocks": 6, "stem": 1}
    assert _widths(SimplifyArchitecture().apply(recipe, data, **dose)) == [8, 8, 8, 3]


def test_a_head_with_its_activation_apart_keeps_its_width():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(16, "relu"), layers.Dense(3), layers.Softmax()])
    model.compile("adam", "categorical_crossentropy")
    recipe, data = stuck_run_of(model, *blobs())
    assert _widths(SimplifyArchitecture().apply(recipe, data, width=0.25, blocks=0, stem=1)) == [4, 3]


def test_a_stem_is_strided_along_its_long_axis_and_leaves_out_no_row_that_its_kernel_does_not_span():
    model = keras.Sequential(
        [keras.Input((2, 256, 1)), layers.Conv2D(4, (1, 3)), layers.Flatten(), layers.Dense(3, activation="softmax")]
    )
    model.compile("adam", "categorical_crossentropy")
    X, y = blobs(rows=60, columns=512)
    recipe, data = stuck_run_of(model, X.reshape(-1, 2, 256, 1), y)
    changed = check_rewritten(SimplifyArchitecture(), recipe, data, width=1.0, blocks=0, stem=2)
    assert [layer["config"]["strides"] for layer in changed.architecture.layers("Conv2D")] == [[1, 2]]
