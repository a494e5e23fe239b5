import keras
import numpy as np
from keras import layers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.detectors.non_finite_input import NonFiniteInput
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import InputFacts, LayerFacts, OutputFacts
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe

from ..conftest import blobs, dense, stuck_run_of


def _found(recipe, data):
    return diagnose(static_evidence(recipe, data), registry.detectors(["DAT104"])).diagnoses


def _regression(y, loss="mse"):
    X = np.random.default_rng(0).standard_normal((200, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
    model.compile("adam", loss)
    data = Dataset(Rows(X[:160], y[:160]), Rows(X[160:], y[160:]), "regression")
    return Recipe.from_model(model, {"epochs": 5}), data


def test_missing_cells_are_counted_and_make_the_program_stuck():
    X, y = blobs()
    X[3, 1] = X[17, 5] = np.nan
    X[40, 0] = np.inf
    (found,) = _found(*stuck_run_of(dense(), X, y))
    assert found.severity == "error"
    assert found.measured["nonfinite"] == 3
    assert found.message.startswith("3 training values are")


def test_rows_without_holes_are_left_alone():
    assert _found(*stuck_run_of(dense(), *blobs())) == ()


def test_holes_in_the_target_of_a_regression_are_found():
    y = np.random.default_rng(1).standard_normal((200, 1)).astype("float32")
    assert _found(*_regression(y)) == ()
    y[5] = np.nan
    (found,) = _found(*_regression(y))
    assert "the target of" in found.message


def test_a_loss_of_the_users_own_may_skip_holes_in_the_target():
    class MaskedError(keras.losses.Loss):
        def call(self, y, answer):
            known = keras.ops.isfinite(y)
            return keras.ops.where(known, (keras.ops.where(known, y, 0.0) - answer) ** 2, 0.0)

    y = np.random.default_rng(1).standard_normal((200, 1)).astype("float32")
    y[5] = np.nan
    assert _found(*_regression(y, MaskedError(name="masked_error"))) == ()


def test_a_model_that_may_clean_its_input_is_left_alone():
    holes = InputFacts("table", (8,), -3.0, 3.0, 0.0, 1.0, nonfinite=4)
    plain, cleaner = LayerFacts("dense", "Dense", kernel=True), LayerFacts("nan_to_num", "NanToNum")
    assert NonFiniteInput().detect(inputs=[holes], layers=[plain]) is not None
    assert NonFiniteInput().detect(inputs=[holes], layers=[cleaner, plain]) is None


def test_the_fullest_array_is_named_first():
    holes = InputFacts("table", (8,), -3.0, 3.0, 0.0, 1.0, nonfinite=4)
    target = OutputFacts(name="head", loss="mse", nonfinite=9)
    found = NonFiniteInput().detect(inputs=[holes], outputs=[OutputFacts(), target])
    assert "9 in the target of 'head', 4 in input 'table'" in found.message


def test_what_the_users_own_code_reads_first_may_be_cleaned_there():
    holes = InputFacts("table", (8,), -3.0, 3.0, 0.0, 1.0, nonfinite=4, own_code=True)
    assert NonFiniteInput().detect(inputs=[holes]) is None
