"""remap-labels: count the classes from 0, as losses want them, and leave the head as it is."""

from __future__ import annotations

from typing import Any

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.model_facts import head_facts
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._specimens import Program, table
from remedy.remedies.fix_head import coding_patch, recoded_weights, wanted_head


class RemapLabels(Remedy):
    """Code the labels as 0, 1, 2 ... (or as 0 and 1) where head and loss are right but the labels are not.

    Labels 1 to K, -1 and 1, or labels that were scaled with the inputs make a cross-entropy measure
    something else than the user thinks.

    Source: Keras' documentation of SparseCategoricalCrossentropy and BinaryCrossentropy (labels are
    class indices, or 0 and 1).
    """

    name = "remap-labels"
    recodes = True
    excludes = ("fix-head",)

    def specimen(self) -> Program:
        """Return labels that count from one."""
        model, X, y, fit = table(loss="sparse_categorical_crossentropy")
        return model, X, 1 + y.argmax(-1), fit

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Put the coding into the recipe."""
        recipe.architecture.require_open()
        if len(recipe.architecture.outputs()) != 1:
            raise NotApplicable("the model has several outputs")
        wanted, facts = wanted_head(recipe, dataset), head_facts(recipe)[0]
        if wanted.coding is None or recipe.target is not None:
            raise NotApplicable("the labels are coded as the loss wants them")
        if (facts.get("units"), facts["activation"], facts["loss"]) != (wanted.units, wanted.activation, wanted.loss):
            raise NotApplicable("head and loss do not fit the labels either; fix-head mends all three")
        weights = recoded_weights(recipe.class_weight, wanted.coding)
        return recipe.replace(target=wanted.coding, class_weight=weights)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the labels and their codes."""
        values = changed.target.values if changed.target else ()
        known = ", ".join(f"{v:g}" for v in values[:6]) + (", ..." if len(values) > 6 else "")
        return f"labels {known}", f"0 to {len(values) - 1}, in this order"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Code ``y_train``."""
        coding = wanted_head(recipe, dataset).coding
        return coding_patch(coding) if coding else ""
