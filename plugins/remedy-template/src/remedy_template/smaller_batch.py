"""smaller-batch: more optimizer steps an epoch from the same rows."""

from typing import Any

from optuna.distributions import IntDistribution

from remedy.remedies import Dataset, NotApplicable, Recipe, Remedy


class SmallerBatch(Remedy):
    """Train with fewer rows a step. Source: Keskar et al., "On Large-Batch Training", ICLR 2017."""

    name = "smaller-batch"
    space = {"rows": IntDistribution(4, 256, log=True)}
    usual = {"rows": 8}

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set the batch size, if that makes it smaller."""
        if dose["rows"] >= (recipe.batch_size or 32):
            raise NotApplicable(f"a batch has {recipe.batch_size or 32} rows already")
        return recipe.replace(batch_size=int(dose["rows"]))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name both sizes."""
        return f"{recipe.batch_size or 32} rows", f"{changed.batch_size} rows"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Pass the size to ``fit``."""
        return f"fit['batch_size'] = {dose['rows']}"
