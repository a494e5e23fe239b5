"""train-longer: more epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from optuna.distributions import IntDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.static import KERAS_BATCH_SIZE
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Dose, Remedy

ENOUGH_STEPS = 1000
"""Steps after which a small net has usually left its start; what is planned below that is stretched."""


class TrainLonger(Remedy):
    """Multiply the epochs.

    A net that was still getting better when it ended, or that made a few dozen steps in all, is
    not stuck but unfinished.

    Source: Hoffer, Hubara, Soudry, "Train longer, generalize better", NIPS 2017 (what counts is the
    number of steps, not of epochs).
    """

    name = "train-longer"
    space = {"factor": IntDistribution(2, 300, log=True)}
    usual = {"factor": 3}
    lengthens = True
    costly = True

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return the smallest factor, three or more, that gives a thousand steps; then the next."""
        rows = recipe.batch_size or KERAS_BATCH_SIZE
        steps = recipe.epochs * (recipe.steps_per_epoch or math.ceil(len(dataset.train) / rows))
        known = (3, 5, 10, 30)
        enough = [factor for factor in known if factor * steps >= ENOUGH_STEPS] or [known[-1]]
        return [{"factor": factor} for factor in enough[:2]]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set the epochs."""
        if dataset.large:  # A search sees a sample: its epochs are a small part of the real ones.
            raise NotApplicable("an epoch of data so large has many times the steps that the search sees")
        return recipe.replace(epochs=recipe.epochs * int(dose["factor"]))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name both numbers."""
        return f"{recipe.epochs} epochs", f"{changed.epochs} epochs"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Pass them to ``fit``."""
        return f"fit['epochs'] = {recipe.epochs * int(dose['factor'])}"
