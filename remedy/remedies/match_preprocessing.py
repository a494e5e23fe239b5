"""match-preprocessing: hand pixels over as the loaded layers expect them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.starting_point import fitting_preprocessing, possible_preprocessing
from remedy.recipe.architecture import name_of
from remedy.recipe.input_scaling import CHANNELS, PREPROCESSING, InputScaling, columns
from remedy.recipe.readers import readers
from remedy.recipe.recipe import Recipe
from remedy.recipe.starting_weights import pretrained
from remedy.remedies._base import Dose, Remedy
from remedy.remedies._specimens import Program, photos
from remedy.remedies.scale_inputs import scaling_patch


class MatchPreprocessing(Remedy):
    """Put the preprocessing that the loaded layers were trained with in front of the model.

    Where they hold averages, the kind is the one that brings the rows nearest to these; where the model has a Rescaling
    of its own, the one that undoes the first of two.

    Source: the `preprocess_input` functions of `keras.applications`.
    """

    name = "match-preprocessing"
    treats = ("DAT117",)
    space = {"kind": CategoricalDistribution([*PREPROCESSING, *CHANNELS])}
    usual = {"kind": "unit-to-bytes"}
    excludes = ("scale-inputs",)
    scales = True
    surgery = True
    recompiles = True
    in_front = True

    def specimen(self) -> Program:
        """Return a net that scales pixels itself and is given scaled ones."""
        import keras

        model, X, y, fit = photos()
        own = [keras.Input(X.shape[1:]), keras.layers.Rescaling(1 / 255), *model.layers]
        again = keras.Sequential(own)
        again.compile("adam", "categorical_crossentropy")
        return again, (X - X.min()) / (X.max() - X.min()), y, fit

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return the kind that fits the loaded averages, else all that take values in this range."""
        found = [rows for _, rows in columns(recipe.architecture, dataset)] if not recipe.architecture.opaque else []
        if len(found) != 1:
            return (self.usual,)
        best = fitting_preprocessing(recipe, dataset)
        kinds = (best,) if best is not None else possible_preprocessing(found[0])
        return [{"kind": kind} for kind in kinds] or (self.usual,)

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Put it into the recipe as its input scaling."""
        recipe.architecture.require_open()
        found = columns(recipe.architecture, dataset)
        if len(found) != 1 or len(arrays.leaves(dataset.train.X)) != 1:
            raise NotApplicable("not one input of pixels")
        kind = str(dose["kind"])
        if kind not in possible_preprocessing(found[0][1]):
            raise NotApplicable(f"{kind} is for pixels in another range")
        scales = any(r["class_name"] == "Rescaling" for r in readers(recipe.architecture, name_of(found[0][0])))
        if not pretrained(recipe) and not scales:
            raise NotApplicable("no layer was loaded that expects another range")
        return recipe.replace(input_scaling=InputScaling(kind))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the preprocessing."""
        assert changed.input_scaling is not None
        return "pixels as given", f"{changed.input_scaling.kind} (a layer in the model)"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Put the layer in front of the model."""
        return scaling_patch(self.apply(recipe, dataset, **dose), dataset.nested)
