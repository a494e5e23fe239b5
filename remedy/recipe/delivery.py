"""A trained model as the user gets it: its answers are in the units of the user's own target."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from remedy.data.heads import per_output
from remedy.recipe.live_model import Model
from remedy.recipe.recipe import Recipe
from remedy.recipe.target_coding import TargetCoding


def deliver(recipe: Recipe, model: Model) -> Model:
    """Return the model with layers behind it that turn its answers back; the model itself where none are needed.

    Args:
        recipe: What the model was built from; its coding of the target was fitted on the training rows.
        model: Trained.
    """
    coding = recipe.target
    if coding is None or not coding.raw:
        return model
    import keras

    graph = model if type(model).__name__ == "Functional" else keras.Model(model.inputs, model.outputs[0])
    if coding.outputs:
        answers = coding.of_outputs(graph.output, _in_units)
    else:
        answers = keras.tree.map_structure(lambda answer: _in_units(coding, answer), graph.output)
    whole = keras.Model(graph.input, answers, name=model.name)
    with keras.saving.custom_object_scope(dict(recipe.custom_objects)):
        names = ("metrics", "weighted_metrics")
        parts = {k: keras.saving.deserialize_keras_object(copy.deepcopy(getattr(recipe, k))) for k in names}
        parts |= {"loss": recipe.make_loss(), "loss_weights": copy.deepcopy(recipe.loss_weights)}
        if isinstance(answers, list):  # The last layers have other names now.
            parts = {k: in_order(v, model.output_names) for k, v in parts.items()}
        whole.compile(optimizer=keras.optimizers.deserialize(copy.deepcopy(dict(recipe.optimizer))), **parts)
    return whole


def _in_units(coding: TargetCoding, answer: Any) -> Any:
    import keras

    return keras.layers.Rescaling(list(coding.spread), list(coding.mean))(answer)


def in_order(given: Any, names: Sequence[str]) -> Any:
    """Return what was given by the names of outputs in their order; all else as it is."""
    return per_output(given, names) if isinstance(given, Mapping) and "class_name" not in given else given
