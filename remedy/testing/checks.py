"""Checks of one remedy on one program: its recipe, its patch as a script runs it, the model that it saves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.keras_internals import every_layer
from remedy.recipe.delivery import deliver
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy


def check_rewritten(remedy: Remedy, recipe: Recipe, dataset: Dataset, train: bool = True, **dose: Any) -> Recipe:
    """Check that a remedy changes a recipe, purely and serialisably, and that the result trains.

    Args:
        remedy: With the dose.
        recipe, dataset: What it is given for.
        train: False where the training is checked elsewhere.
        **dose: The dose.

    Returns:
        The changed recipe.
    """
    before = recipe.digest
    changed = remedy.apply(recipe, dataset, **dose)
    assert recipe.digest == before, f"{remedy.name} changed the recipe it was given"
    assert changed.digest != before, f"{remedy.name} changed nothing"
    assert remedy.apply(recipe, dataset, **dose).digest == changed.digest, f"{remedy.name} is not deterministic"
    assert Recipe.from_dict(changed.to_dict()).digest == changed.digest, f"{remedy.name} left something unserialisable"
    was, now = remedy.describe(recipe, changed)
    assert was != now, f"{remedy.name} describes no difference"
    assert isinstance(remedy.patch(recipe, dataset, **dose), str)
    if train:
        from remedy.training.fit_recipe import fit_recipe

        fit_recipe(changed.build(dataset, 0), changed, dataset, 0, 0, 1, [])
    return changed


def check_patch(remedy: Remedy, recipe: Recipe, dataset: Dataset, **dose: Any) -> None:
    """Execute the patch of a remedy, as in a user's script, and check that the training is the recipe's."""
    from remedy.prescription import Prescription

    check_patches(Prescription(((remedy.name, dose),)), recipe, dataset, [remedy])


def check_patches(prescription: Any, recipe: Recipe, dataset: Dataset, remedies: Sequence[Remedy]) -> None:
    """Execute the patch of a whole prescription in the same way.

    Model, rows and fit arguments start as the user has them. The patched model gets the initial
    weights and random states of the recipe's; after two epochs both must answer alike.
    """
    import keras

    from remedy.prescription import patch
    from remedy.training.fit_recipe import fit_recipe

    recipe = recipe.replace(shuffle=False)
    changed = prescription.apply(recipe, dataset, remedies)
    if changed.resplit:
        return  # Which rows are drawn is chance.
    ours = changed.build(dataset, 0)
    start = [np.array(v) for v in _variables(ours)]
    names: dict[str, Any] = {
        "keras": keras,
        "np": np,
        "model": recipe.build(dataset, 1),
        "X_train": dataset.train.X,
        "y_train": dataset.train.y,
        "fit": {"epochs": recipe.epochs, "batch_size": recipe.batch_size, "class_weight": recipe.class_weight},
    }
    if changed.resampling is not None and dataset.validation_tail and dataset.validation is not None:
        rows = dataset.train.with_rows(dataset.validation)  # The user's, before validation_split.
        names |= {"X_train": rows.X, "y_train": rows.y}
        names["fit"]["validation_split"] = len(dataset.validation) / len(rows)
    exec(patch(prescription, recipe, dataset, remedies), names)
    theirs, fit = names["model"], names["fit"]
    assert (fit["epochs"], fit["batch_size"]) == (changed.epochs, changed.batch_size), f"{prescription}: fit differs"
    if changed.restarts > 1 or changed.warm_up:
        return  # Which start is the best one is chance, and an optimizer that is compiled again begins anew.
    if not theirs.compiled:
        theirs.compile(ours.optimizer.from_config(ours.optimizer.get_config()), ours.loss)
    assert len(start) == len(_variables(theirs)), f"{prescription}: the patch makes another network"
    for value, variable in zip(start, _variables(theirs), strict=True):
        variable.assign(value)
    keras.utils.set_random_seed(0)
    fit_recipe(ours, changed, dataset, 0, 0, 2, [])
    keras.utils.set_random_seed(0)
    theirs.fit(names["X_train"], names["y_train"], **{**fit, "epochs": 2, "verbose": 0, "shuffle": False})
    told = np.abs(_answers(ours, dataset) - _answers(theirs, dataset)).max()
    compiles = any(remedy.recompiles for remedy in remedies) or changed.optimizer == recipe.optimizer
    hint = "" if compiles else "; set recompiles = True?"
    assert told < 1e-4, f"{prescription}: after the patch the training differs by {told}{hint}"


def _variables(model: Any) -> list[Any]:
    """Return weights, moving averages and states of random layers, statistics fixed beforehand left out."""
    fixed_layers = [part for part in every_layer(model, itself=True) if type(part).__name__ == "Normalization"]
    fixed = {id(v) for layer in fixed_layers for v in layer.weights}
    found = [*model.trainable_variables, *model.non_trainable_variables]
    return [v for v in found if id(v) not in fixed]


def _answers(model: Any, dataset: Dataset) -> Any:
    import keras

    # Called and not predict(): that would trace a graph for a few rows.
    ends = keras.tree.flatten(model(dataset.train.X, training=False))
    return np.concatenate([np.asarray(end, dtype="float64").reshape(len(dataset.train), -1) for end in ends], axis=1)


def check_saved(recipe: Recipe, dataset: Dataset) -> None:
    """Check that a model built from a recipe loads again with ``safe_mode`` and predicts the same."""
    import tempfile

    import keras

    model = deliver(recipe, recipe.build(dataset, 0))
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/fix.keras")
        again = keras.saving.load_model(
            f"{folder}/fix.keras", custom_objects=dict(recipe.custom_objects), safe_mode=True
        )
    told = np.abs(_answers(model, dataset) - _answers(again, dataset)).max()
    assert told < 1e-6, f"the saved model answers differently by {told}"


def check_unchanged(remedy: Remedy, recipe: Recipe, dataset: Dataset, **dose: Any) -> None:
    """Check that a remedy says that there is nothing for it to act on."""
    import pytest

    with pytest.raises(NotApplicable, match=r"\w"):
        remedy.apply(recipe, dataset, **dose)
