import keras
import numpy as np
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.recipe.recipe import Recipe
from remedy.remedies.mask_padding import MaskPadding
from remedy.testing import check_patch, check_rewritten, check_unchanged


def padded(mask=False, trainable=True, n=300):
    """Short texts of two kinds with zeros behind, an Embedding and a recurrent layer."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    X = np.zeros((n, 30), "int32")
    X[:, :4] = rng.integers(1, 10, (n, 4)) + 10 * y[:, None]
    model = keras.Sequential([keras.Input((30,), dtype="int32")])
    model.add(
        layers.Embedding(
            20, 4, mask_zero=mask, trainable=trainable, embeddings_initializer="zeros" if not trainable else "uniform"
        )
    )
    model.add(layers.SimpleRNN(4))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile("adam", "binary_crossentropy")
    data = Dataset(Rows(X[:240], y[:240].astype("float32")), Rows(X[240:], y[240:].astype("float32")), "binary")
    return Recipe.from_model(model, {"epochs": 2, "batch_size": 32}), data


def test_the_embedding_masks_its_zeros():
    recipe, data = padded()
    changed = check_rewritten(MaskPadding(), recipe, data)
    assert changed.build(data, 0).layers[0].mask_zero
    check_patch(MaskPadding(), recipe, data)


def test_one_that_masks_them_already_is_left_alone():
    check_unchanged(MaskPadding(), *padded(mask=True))
