"""shuffle-split: put training and validation rows together and split them anew."""

from __future__ import annotations

from typing import Any

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy

POOLED = """\
X_val, y_val, *rest = fit.pop('validation_data')
fit['validation_split'] = len(y_val) / (len(y_train) + len(y_val))
X_train = keras.tree.map_structure(lambda a, b: np.concatenate([a, np.asarray(b)]), X_train, X_val)
y_train = np.concatenate([y_train, np.asarray(y_val)])
"""
POOLED_WEIGHTS = """\
rest = rest[0] if rest else np.ones(len(y_val))
fit['sample_weight'] = np.concatenate([np.asarray(fit['sample_weight']), np.asarray(rest)])
"""


class ShuffleSplit(Remedy):
    """Shuffle the rows before they are split, classes kept in shares.

    ``validation_split`` takes the last rows as they stand. Where rows are sorted by class the
    network never sees the classes it is validated on.

    Source: Kohavi, "A Study of Cross-Validation and Bootstrap for Accuracy Estimation and Model
    Selection", IJCAI 1995 (stratified splits).
    """

    name = "shuffle-split"
    resplits = True
    treats = ("DAT106",)

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Ask for a new split."""
        if recipe.resplit:
            raise NotApplicable("the rows are split anew already")
        if dataset.validation is None:
            raise NotApplicable("there are no validation rows to split anew")
        if dataset.train.groups is not None:
            raise NotApplicable("groups= decides which rows stay together")
        if dataset.large:
            raise NotApplicable("data so large is not copied; shuffle its rows once where they are kept")
        return recipe.replace(resplit=True)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the two splits."""
        return "validation rows as given", "all rows shuffled, classes in shares"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Shuffle before ``fit`` splits."""
        weighted = dataset.train.sample_weight is not None and not recipe.unweighted
        lines = "" if dataset.validation_tail else POOLED + (POOLED_WEIGHTS if weighted else "")
        lines += (
            "order = np.random.default_rng(0).permutation(len(y_train))\n"
            "X_train = keras.tree.map_structure(lambda part: np.asarray(part)[order], X_train)\n"
            "y_train = np.asarray(y_train)[order]"
        )
        if weighted:
            lines += "\nfit['sample_weight'] = np.asarray(fit['sample_weight'])[order]"
        return lines
