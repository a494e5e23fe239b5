import keras
import numpy as np
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.detectors.constant_output import ConstantOutput
from remedy.evidence.evidence import Evidence
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe

from ..conftest import blobs, dense, stuck_run_of
from ..watch import named, watched


def _deep(initializer):
    model = keras.Sequential([keras.Input((6,))])
    for _ in range(14):
        model.add(layers.Dense(16, activation="sigmoid", kernel_initializer=initializer))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy")
    return model


def test_a_deep_stack_through_which_no_signal_comes_is_found_at_ln_3():
    recorder = watched(*stuck_run_of(_deep("glorot_uniform"), *blobs(rows=500), epochs=5), ["constant-output"])
    assert recorder.examination.cause.name == "constant-output"
    assert abs(recorder.evidence.loss[-1] - np.log(3)) < 0.02


def test_a_shallow_net_on_the_same_rows_is_left_alone():
    assert "constant-output" not in named(watched(*stuck_run_of(dense(), *blobs(rows=500), epochs=5)))


def test_a_regression_that_answers_a_constant_is_found_by_the_spread_of_the_target():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)).astype("float32")
    y = (100 * X[:, :1] + 1000).astype("float32")
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(1, activation="softmax")]
    )
    model.compile("adam", "mse")
    data = Dataset(Rows(X[:240], y[:240]), Rows(X[240:], y[240:]), "regression")
    recorder = watched(Recipe.from_model(model, {"epochs": 5}), data)
    assert [d.name for d in recorder.examination.diagnoses[:2]] == ["one-unit-softmax", "constant-output"]


def test_an_output_that_differs_enough_is_no_constant_although_the_loss_is_high():
    assert ConstantOutput().detect(loss=[1.1] * 5, output_spread=[0.2] * 5, prior_loss=1.0986) is None


def test_outputs_that_are_equal_to_the_last_digit_are_found_in_the_second_epoch():
    dead = Evidence(
        task="multiclass", loss=(1.104, 1.099), prior_loss=1.0986, output_spread=(0.0, 0.0), epochs_planned=100
    )
    assert ConstantOutput().detect(dead.loss, dead.output_spread, dead.prior_loss, None, 100) is not None
    alive = (0.0, 1e-7)
    assert ConstantOutput().detect(dead.loss, alive, dead.prior_loss, None, 100) is None


def test_equal_outputs_that_cost_far_more_than_a_constant_are_given_the_usual_time():
    """They are saturated, not dead: there is a gradient that may bring them back."""
    assert ConstantOutput().detect((9.0, 8.0), (0.0, 0.0), 1.0986, None, 100) is None


def test_targets_with_holes_have_a_spread_all_the_same():
    y = np.random.default_rng(0).standard_normal((100, 1))
    y[3] = np.nan
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile("adam", lambda y, answer: keras.ops.mean(answer))
    recipe, data = Recipe.from_model(model, {}), Dataset(Rows(np.zeros((100, 4)), y), None, "regression")
    assert 0.5 < static_evidence(recipe, data).target_spread < 1.5
