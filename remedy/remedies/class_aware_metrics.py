"""class-aware-metrics: watch numbers that a constant answer cannot make look good."""

from __future__ import annotations

from typing import Any

from remedy.data.dataset import Dataset
from remedy.data.scores import CLASSIFICATION
from remedy.errors import NotApplicable
from remedy.evidence.model_facts import head_facts, metric_names
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy


class ClassAwareMetrics(Remedy):
    """Compile with metrics that count every class: recall, precision and area under the curve, or macro F1.

    It changes nothing of the training, so no search tries it: it is added to a fix where the diagnosis
    asks for it.

    Source: Brodersen et al., "The balanced accuracy and its posterior distribution", ICPR 2010; Saito and
    Rehmsmeier, "The precision-recall plot is more informative than the ROC plot", 2015.
    """

    name = "class-aware-metrics"
    recompiles = True
    searched = False

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set the metrics of the one output."""
        heads = head_facts(recipe)
        if dataset.task not in CLASSIFICATION or len(heads) != 1 or recipe.architecture.opaque:
            raise NotApplicable("only the one output of a classification")
        kind, units = heads[0]["activation"], heads[0].get("units")
        if kind == "sigmoid" and units == 1:
            wanted: list[Any] = [_metric("Recall", "recall"), _metric("Precision", "precision")]
            wanted += [_metric("AUC", "pr_auc", curve="PR"), "accuracy"]
        elif kind == "softmax" and "sparse" not in (recipe.loss_name or "") and dataset.train.target.ndim == 2:
            wanted = [_metric("F1Score", "macro_f1", average="macro"), "accuracy"]
        else:
            raise NotApplicable("Keras has no class-aware metric for this head and these labels")
        return recipe.replace(metrics=wanted, weighted_metrics=None)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the metrics."""
        before, after = (", ".join(metric_names(r.metrics)) or "none" for r in (recipe, changed))
        return before, after

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Nothing of its own: the metrics stand in the compile line."""
        return ""


def _metric(kind: str, name: str, **config: Any) -> dict[str, Any]:
    return {
        "module": "keras.metrics",
        "class_name": kind,
        "config": {"name": name, **config},
        "registered_name": None,
    }
