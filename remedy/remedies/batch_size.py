"""batch-size: more or fewer rows a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.static import KERAS_BATCH_SIZE
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Dose, Remedy
from remedy.remedies._specimens import Program, table


class BatchSize(Remedy):
    """Set the rows a step.

    A batch of one makes every step noise, and BatchNormalization blind; one of nearly all rows
    leaves a handful of steps an epoch.

    Source: Masters and Luschi, "Revisiting Small Batch Training for Deep Neural Networks", 2018 (2 to
    32 work best); Keras' default of 32.
    """

    name = "batch-size"
    space = {"rows": CategoricalDistribution([8, 16, 32, 64, 128, 256])}
    usual = {"rows": 32}

    tiny, large = 8, 64
    """Rows a step; smaller batches are mostly noise, larger ones may leave few steps."""

    def specimen(self) -> Program:
        """Return a net that is trained in single rows."""
        model, X, y, fit = table()
        return model, X, y, {**fit, "batch_size": 1}

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return 32 for larger and for tiny batches; others are usual."""
        del dataset
        now = recipe.batch_size or KERAS_BATCH_SIZE
        return [{"rows": 32}] if now > self.large or now < self.tiny else []

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set the batch size."""
        rows = int(dose["rows"])
        if recipe.steps_per_epoch is not None:
            raise NotApplicable("steps_per_epoch= says how many batches an epoch has")
        if (recipe.batch_size or KERAS_BATCH_SIZE) == rows:
            raise NotApplicable(f"it is {rows} already")
        if dataset.large and self.tiny <= (recipe.batch_size or KERAS_BATCH_SIZE) > rows:
            raise NotApplicable("an epoch of data so large has steps enough; smaller batches would only prolong it")
        if rows > len(dataset.train):
            raise NotApplicable(f"there are only {len(dataset.train)} training rows")
        return recipe.replace(batch_size=rows)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name both sizes."""
        return str(recipe.batch_size or KERAS_BATCH_SIZE), str(changed.batch_size)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Pass it to ``fit``."""
        return f"fit['batch_size'] = {int(dose['rows'])}"
