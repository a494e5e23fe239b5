"""embed-ids: an Embedding in front of layers that read ids of words as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.data_facts import facts_of
from remedy.recipe.architecture import LayerConfig, name_of
from remedy.recipe.readers import takes_ids
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._specimens import FIT, ROWS, Program

EMBEDDED, POOLED = "embedded_ids", "pooled_words"


class EmbedIds(Remedy):
    """Look every id up in a table that is trained, and hand on the vectors.

    What a Dense layer reads next is the mean of a row's vectors, padding left out. A Reshape that made a step of every
    number goes: a recurrent layer or a convolution behind it reads the vectors.

    Source: Iyyer, Manjunatha, Boyd-Graber and Daumé, "Deep unordered composition rivals syntactic methods for text
    classification", ACL 2015 (the mean of word vectors, then Dense layers).
    """

    name = "embed-ids"
    treats = ("DAT118",)
    space = {"width": CategoricalDistribution([8, 16, 32, 64])}
    usual = {"width": 16}
    excludes = ("scale-inputs", "match-preprocessing")
    surgery = True
    recompiles = True

    def specimen(self) -> Program:
        """Return Dense layers over padded ids."""
        import keras
        from keras import layers

        rng = np.random.default_rng(0)
        X = rng.integers(1, 90, (ROWS, 12))
        X[: ROWS // 2, 8:] = 0
        keras.utils.set_random_seed(0)
        inner = layers.Dense(8, activation="relu")
        model = keras.Sequential([keras.Input((12,)), inner, layers.Dense(2, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model, X, (X[:, 0] > 45).astype("int64"), FIT

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Put the Embedding behind the input."""
        entry, first, ids = _start(recipe, dataset)
        architecture = recipe.architecture
        config: dict[str, Any] = {"output_dim": int(dose["width"]), "mask_zero": True, "input_dim": ids}
        config["name"] = architecture.unused_name(EMBEDDED)
        table = {"module": "keras.layers", "class_name": "Embedding", "config": config}
        architecture = architecture.insert_after(name_of(entry), table)
        if first["class_name"] == "Reshape":
            architecture = architecture.without(name_of(first))
        else:
            pool = {"name": architecture.unused_name(POOLED)}
            pooling = {"module": "keras.layers", "class_name": "GlobalAveragePooling1D", "config": pool}
            architecture = architecture.insert_after(config["name"], pooling)
        return recipe.replace(architecture=architecture)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the size of the table."""
        table = next(entry["config"] for entry in changed.architecture.layers("Embedding"))
        return "ids as numbers", f"a vector of {table['output_dim']} numbers for each of {table['input_dim']} ids"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Build the model anew on an Embedding."""
        _, first, ids = _start(recipe, dataset)
        reshaped = first["class_name"] == "Reshape"
        pooling = "" if reshaped else f"x = keras.layers.GlobalAveragePooling1D(name={POOLED!r})(x)\n"
        return (
            "ids = keras.Input(X_train.shape[1:])\n"
            f"x = keras.layers.Embedding({ids}, {int(dose['width'])}, mask_zero=True, name={EMBEDDED!r})(ids)\n"
            f"{pooling}"
            f"for layer in list(inside(model))[{int(reshaped)}:]:\n"
            "    x = again(layer)(x)\n"
            "model = keras.Model(ids, x)"
        )


def _start(recipe: Recipe, dataset: Dataset) -> tuple[LayerConfig, LayerConfig, int]:
    """Return the input, what reads it, and a size of the table that all ids fit into.

    Raises:
        NotApplicable: The input holds no ids of words, or what reads it is no Dense layer and no Reshape.
    """
    recipe.architecture.require_open()
    facts, layers = facts_of(dataset.train), recipe.architecture.chain()
    if len(facts) != 1 or not facts[0].words or len(layers) < 2 or layers[0]["class_name"] != "InputLayer":
        raise NotApplicable("no single input that holds ids of words")
    first = layers[1]
    if takes_ids(recipe.architecture, name_of(layers[0])) or recipe.input_scaling is not None:
        raise NotApplicable("an Embedding reads the ids already, or they are scaled")
    steps = first["class_name"] == "Reshape" and tuple(first["config"]["target_shape"])[-1:] == (1,)
    if first["class_name"] != "Dense" and not steps:
        raise NotApplicable(f"{first['class_name']} reads the ids")
    sides = [side for side in (dataset.train, dataset.validation, dataset.holdout, dataset.extra) if side is not None]
    largest = max(int(np.max(part)) for side in sides for part in arrays.leaves(side.X))
    return layers[0], first, 1 << (largest + 1).bit_length()
