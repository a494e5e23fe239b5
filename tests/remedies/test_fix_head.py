import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.task import infer_task
from remedy.evidence.model_facts import head_facts
from remedy.prescription import Prescription, patch
from remedy.recipe.recipe import Recipe
from remedy.remedies.fix_head import FixHead
from remedy.testing import check_rewritten, check_unchanged
from remedy.training.fit_recipe import fit_recipe

IDS = np.random.default_rng(0).integers(0, 3, 120)
TWO = (IDS > 0).astype("float32")
X = np.random.default_rng(1).standard_normal((120, 4)).astype("float32") + 2 * np.eye(4, dtype="float32")[IDS]
SHARES = np.random.default_rng(2).dirichlet(np.ones(3), 120).astype("float32")


def _program(y, head, loss, build=None):
    keras.utils.set_random_seed(0)
    parts = head if isinstance(head, list) else [head]
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), *parts])
    model.compile("adam", loss)
    units = model.output_shape[-1]
    name = loss if isinstance(loss, str) else loss.name
    data = Dataset(Rows(X[:96], y[:96]), Rows(X[96:], y[96:]), infer_task(y, name, units))
    return Recipe.from_model(model, {"epochs": 20, "batch_size": 16}), data


@pytest.mark.parametrize(
    ("y", "head", "loss", "units", "activation", "wanted"),
    [
        (TWO[:, None], layers.Dense(1, activation="softmax"), "binary_crossentropy", 1, "sigmoid", "binary_crossentropy"),
        (TWO, layers.Dense(1, activation="relu"), "binary_crossentropy", 1, "sigmoid", "binary_crossentropy"),
        (2 * TWO - 1, layers.Dense(1, activation="sigmoid"), "binary_crossentropy", 1, "sigmoid", "binary_crossentropy"),
        (IDS, layers.Dense(1, activation="sigmoid"), "binary_crossentropy", 3, "softmax", "sparse_categorical_crossentropy"),
        (IDS / 255, layers.Dense(10, activation="softmax"), "sparse_categorical_crossentropy", 3, "softmax", "sparse_categorical_crossentropy"),
        (IDS + 1, layers.Dense(3, activation="softmax"), "sparse_categorical_crossentropy", 3, "softmax", "sparse_categorical_crossentropy"),
        (np.eye(3)[IDS], layers.Dense(3, activation="relu"), "categorical_crossentropy", 3, "softmax", "categorical_crossentropy"),
        (np.eye(3)[IDS], [layers.Dense(3, activation="relu"), layers.Activation("softmax")], "categorical_crossentropy", 3, "softmax", "categorical_crossentropy"),
        (np.eye(3)[IDS], [layers.Dense(3), layers.Softmax()], keras.losses.CategoricalCrossentropy(from_logits=True), 3, "softmax", "categorical_crossentropy"),
        (np.stack([TWO, TWO, 1 - TWO], 1), layers.Dense(3, activation="softmax"), "mse", 3, "sigmoid", "binary_crossentropy"),
        (X[:, :1] * 3, layers.Dense(1, activation="sigmoid"), "mae", 1, "linear", "mae"),
        (X[:, :1] * 3, layers.Dense(1, activation="sigmoid"), "binary_crossentropy", 1, "linear", "mean_squared_error"),
        (SHARES, layers.Dense(3, activation="sigmoid"), "mae", 3, "softmax", "kl_divergence"),
    ],
)  # fmt: skip
def test_head_loss_and_labels_become_what_the_target_asks_for(y, head, loss, units, activation, wanted):
    recipe, data = _program(y, head, loss)
    changed = check_rewritten(FixHead(), recipe, data)
    facts = head_facts(changed)[0]
    assert (facts["units"], facts["activation"], facts.get("before"), changed.loss) == (units, activation, None, wanted)


def test_a_right_head_is_left_alone():
    check_unchanged(FixHead(), *_program(TWO[:, None], layers.Dense(1, activation="sigmoid"), "binary_crossentropy"))
    check_unchanged(FixHead(), *_program(IDS, layers.Dense(3, activation="softmax"), "sparse_categorical_crossentropy"))
    check_unchanged(FixHead(), *_program(X[:, :1], layers.Dense(1), "mse"))


def test_scaled_labels_are_read_back_and_the_net_then_learns():
    recipe, data = _program(IDS / 255, layers.Dense(10, activation="softmax"), "sparse_categorical_crossentropy")
    changed = FixHead().apply(recipe, data)
    model = changed.build(data, 0)
    fit_recipe(model, changed, data, 0, 0, 100, [])
    assert np.mean(model.predict(X[96:], verbose=0).argmax(-1) == IDS[96:]) > 0.8


def test_the_head_inside_a_nested_model_and_of_a_functional_one_is_found():
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(1, activation="softmax")]
    )
    first = keras.Input((4,))
    model = keras.Model(first, inner(first))
    model.compile("adam", "binary_crossentropy")
    data = Dataset(Rows(X, TWO[:, None]), None, "binary")
    changed = FixHead().apply(Recipe.from_model(model, {}), data)
    assert head_facts(changed)[0]["activation"] == "sigmoid"
    assert changed.build(data, 0).predict(X[:2], verbose=0).shape == (2, 1)


def test_the_patch_puts_a_new_last_layer_on_the_old_network():
    recipe, data = _program(IDS + 1, layers.Dense(1, activation="sigmoid"), "binary_crossentropy")
    model = recipe.build(data, 0)
    names = {"keras": keras, "np": np, "model": model, "X_train": data.train.X, "y_train": data.train.y, "fit": {}}
    exec(patch(Prescription((("fix-head", {}),)), recipe, data, [FixHead()]), names)
    assert names["model"].output_shape == (None, 3)
    assert set(names["y_train"]) == {0, 1, 2}


def test_a_convolution_at_the_end_keeps_its_window_and_its_padding_in_the_patch():
    pixels, classes = np.zeros((20, 8, 8, 1), "float32"), np.zeros((20, 8, 8, 1), "int64")
    classes[:, 2:5, 2:5], classes[:, 6:] = 1, 2
    head = layers.Conv2D(1, 3, padding="same", activation="relu", kernel_regularizer="l2")
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(4, 3, padding="same"), head])
    model.compile("adam", "sparse_categorical_crossentropy")
    recipe, data = Recipe.from_model(model, {"epochs": 1}), Dataset(Rows(pixels, classes), None, "multiclass")
    lines = patch(Prescription((("fix-head", {}),)), recipe, data, [FixHead()])
    space = {"keras": keras, "np": np, "model": model, "X_train": pixels, "y_train": classes, "fit": {}}
    exec(lines, space)
    new = space["model"].layers[-1]
    assert (new.filters, new.kernel_size, new.padding) == (3, (3, 3), "same")
    assert new.kernel_regularizer is not None
    assert space["model"].output_shape == (None, 8, 8, 3)


def test_a_model_that_ends_in_something_else_is_left_alone():
    recipe, data = _program(
        TWO[:, None], [layers.Dense(1, activation="softmax"), layers.Rescaling(2.0)], "binary_crossentropy"
    )
    check_unchanged(FixHead(), recipe, data)


def test_weights_for_the_ranks_of_scaled_labels_stay_those_of_their_ranks():
    recipe, data = _program(IDS / 255, layers.Dense(10, activation="softmax"), "sparse_categorical_crossentropy")
    recipe = recipe.replace(class_weight={0: 0.5, 1: 1.0, 2: 4.0})
    assert FixHead().apply(recipe, data).class_weight == {0: 0.5, 1: 1.0, 2: 4.0}
    assert "class_weight" not in FixHead().patch(recipe, data)
