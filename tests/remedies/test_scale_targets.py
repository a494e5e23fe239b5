import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import r2
from remedy.recipe.delivery import deliver
from remedy.recipe.recipe import Recipe
from remedy.remedies.scale_targets import ScaleTargets
from remedy.testing import check_rewritten, check_unchanged
from remedy.training.fit_recipe import fit_recipe


def _parabola(mean=900.0, spread=400.0, loss="mse", rows=200):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (rows, 2)).astype("float32")
    raw = X[:, :1] ** 2 + X[:, 1:]
    y = mean + spread * (raw - raw.mean()) / raw.std()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05), loss)
    at = rows * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), "regression")
    return Recipe.from_model(model, {"epochs": 30, "batch_size": 16}), data


def test_a_far_target_is_trained_on_at_zero_mean_and_answered_in_its_own_units():
    recipe, data = _parabola()
    changed = check_rewritten(ScaleTargets(), recipe, data)
    model = changed.build(data, 0)
    fit_recipe(model, changed, data, 0, 0, 30, [])
    answers = deliver(changed, model).predict(data.validation.X, verbose=0)
    assert r2(data.validation.y, answers) > 0.9
    assert abs(float(answers.mean()) - 900) < 150


def test_the_delivered_model_loads_safely_and_answers_the_same(tmp_path):
    recipe, data = _parabola()
    changed = ScaleTargets().apply(recipe, data)
    whole = deliver(changed, changed.build(data, 0))
    whole.save(tmp_path / "fixed.keras")
    loaded = keras.models.load_model(tmp_path / "fixed.keras", safe_mode=True)
    np.testing.assert_allclose(
        loaded.predict(data.train.X, verbose=0), whole.predict(data.train.X, verbose=0), rtol=1e-6
    )


def test_every_column_of_a_wide_target_gets_its_own_scale():
    recipe, data = _parabola()
    y = np.hstack([data.train.y, data.train.y / 1e4])
    wide = Dataset(Rows(data.train.X, y), None, "regression")
    coding = ScaleTargets().apply(recipe, wide).target
    assert coding.encode(y).std(axis=0) == pytest.approx([1, 1], rel=1e-4)


def test_a_scaled_target_classes_and_losses_for_probabilities_are_left_alone():
    check_unchanged(ScaleTargets(), *_parabola(mean=0.0, spread=1.0))
    check_unchanged(ScaleTargets(), *_parabola(loss="binary_crossentropy"))
    recipe, data = _parabola()
    check_unchanged(ScaleTargets(), recipe, Dataset(data.train, data.validation, "binary"))


def test_the_patch_leaves_what_never_changes_as_it_is_and_scales_the_last_axis():
    recipe, data = _parabola()
    for y in (np.array([1.0, 3.0]), np.array([[0.0, 1.0], [0.0, 3.0]]), np.arange(12.0).reshape(2, 3, 2)):
        space = {"np": np, "fit": {}, "y_train": y}
        exec(ScaleTargets().patch(recipe, data), space)
        assert np.all(np.isfinite(space["y_train"]))
        assert abs(space["y_train"].mean()) < 1e-9
        assert space["y_mean"].shape == y.shape[-1:] * (y.ndim > 1)
