"""adapt-vocabulary: take the words that a model knows from the training texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array
from remedy.data.dataset import Dataset
from remedy.data.text import is_text
from remedy.errors import NotApplicable
from remedy.recipe.architecture import LayerConfig, name_of
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._specimens import FIT, ROWS, Program


class AdaptVocabulary(Remedy):
    """Adapt the TextVectorization in the model to the training texts, most frequent words first.

    It never knows more words than the Embedding behind it has vectors for.

    Source: Keras' documentation of TextVectorization.
    """

    name = "adapt-vocabulary"
    treats = ("DAT119",)
    surgery = True
    recompiles = True

    def specimen(self) -> Program:
        """Return a net over texts none of whose words it knows."""
        import keras
        from keras import layers

        rng = np.random.default_rng(0)
        y = rng.integers(0, 2, ROWS)
        X = np.array([" ".join(rng.choice(["good", "fine"] if k else ["bad", "poor"], 5)) for k in y], dtype=object)
        table = layers.TextVectorization(max_tokens=20, output_sequence_length=6, vocabulary=["other", "words"])
        keras.utils.set_random_seed(0)
        inner = [table, layers.Embedding(20, 4), layers.GlobalAveragePooling1D(), layers.Dense(2, activation="softmax")]
        model = keras.Sequential([keras.Input((), dtype="string"), *inner])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model, X, y, FIT

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Write the words of the training texts into the layer's configuration."""
        recipe.architecture.require_open()
        table, texts = _table(recipe, dataset)
        words = _vocabulary(table, texts, _most(recipe, table))
        if words == list(table["config"].get("vocabulary") or ()):
            raise NotApplicable("the layer was adapted to these texts")

        def change(entry: LayerConfig) -> None:
            entry["config"]["vocabulary"] = words

        return recipe.replace(architecture=recipe.architecture.edit(change, "TextVectorization"))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Count the words."""
        counts = [
            len(next(r.architecture.layers("TextVectorization"))["config"].get("vocabulary") or ())
            for r in (recipe, changed)
        ]
        return f"{counts[0]} words, of other texts", f"{counts[1]} words, of the training texts"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Adapt a layer like it, and build the model anew with it."""
        table, texts = _table(recipe, dataset)
        at = next(i for i, part in enumerate(arrays.leaves(dataset.train.X)) if part is texts)
        most = _most(recipe, table)
        return (
            f"words = keras.layers.TextVectorization.from_config(\n"
            f"    model.get_layer({name_of(table)!r}).get_config() | {{'vocabulary': None, 'max_tokens': {most}}})\n"
            f"words.adapt(np.ravel(keras.tree.flatten(X_train)[{at}]))\n"
            "known = words.get_vocabulary(include_special_tokens=False)\n"
            "model = keras.models.clone_model(whole(model), clone_function=lambda layer: type(layer).from_config(\n"
            f"    layer.get_config() | {{'vocabulary': known}}) if layer.name == {name_of(table)!r} else again(layer))"
        )


def _table(recipe: Recipe, dataset: Dataset) -> tuple[LayerConfig, Array]:
    """Return the one layer with a vocabulary, and the texts that it reads.

    Raises:
        NotApplicable: There is not one of each.
    """
    outermost = {name_of(entry) for entry in recipe.architecture.config["config"]["layers"]}
    tables = list(recipe.architecture.layers("TextVectorization"))
    texts = [part for part in arrays.leaves(dataset.train.X) if is_text(part)]
    if len(tables) != 1 or len(texts) != 1 or name_of(tables[0]) not in outermost:
        raise NotApplicable("not one TextVectorization that reads one input of texts")
    return tables[0], texts[0]


def _most(recipe: Recipe, table: LayerConfig) -> int | None:
    """Return how many words the table may know: as many as it says, and as an Embedding has vectors for."""
    sizes = [int(entry["config"]["input_dim"]) for entry in recipe.architecture.layers("Embedding")]
    own = table["config"].get("max_tokens")
    return min([*sizes, *([int(own)] if own else [])], default=None)


def _vocabulary(table: LayerConfig, texts: Array, most: int | None) -> list[str]:
    from keras import layers

    made = layers.TextVectorization.from_config(table["config"] | {"vocabulary": None, "max_tokens": most})
    made.adapt(texts.reshape(-1))
    return [str(word) for word in made.get_vocabulary(include_special_tokens=False)]
