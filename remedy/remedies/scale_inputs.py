"""scale-inputs: a scaling layer behind every input, fitted on the training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data_facts import input_facts
from remedy.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe import Recipe
from remedy.remedies._base import Dose, Remedy
from remedy.scaling import InputScaling


class ScaleInputs(Remedy):
    """Scale the inputs inside the model, with statistics of the training rows only.

    The scaling is a layer, so the fixed model takes the user's raw X, and nothing of the
    validation or test rows leaks into it.

    Source: LeCun et al., "Efficient BackProp", 1998, section 4.3. Scaling every recording by
    itself is usual where each has its own baseline and gain (ECG, radio).
    """

    name = "scale-inputs"
    treats = ("DAT102",)
    space = {"kind": CategoricalDistribution(["standard", "minmax", "robust", "per-sample"])}
    usual = {"kind": "standard"}
    surgery = True
    recompiles = True

    wandering = 0.5
    """Rows whose means differ by more than half their inner spread have baselines of their own."""

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return "per-sample" first for signals whose rows have baselines of their own, else "standard"."""
        del recipe
        shifts = [f.row_shift for f in input_facts(dataset.train.X) if f.row_shift is not None and len(f.shape) == 2]
        own_baseline = bool(shifts) and max(shifts) > self.wandering
        kinds = ("per-sample", "standard") if own_baseline else ("standard",)
        return [{"kind": kind} for kind in kinds]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Put the scaling into the recipe; it is fitted when the recipe is built."""
        recipe.architecture.require_open()
        kind = str(dose["kind"])
        if kind == "per-sample" and all(f.shape in ((), (1,)) for f in input_facts(dataset.train.X)):
            raise NotApplicable("a row of one number has no spread of its own to scale by")
        return recipe.replace(input_scaling=InputScaling(kind, _per(dataset)))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the scaling."""
        scaling = changed.input_scaling
        return "raw values", f"{scaling.kind} (a layer in the model)" if scaling else "raw values"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Put the layer in front of the model."""
        if dose["kind"] == "per-sample":
            axes = "axis=list(range(1, X_train.ndim))"
            layer = f"keras.layers.LayerNormalization({axes}, center=False, scale=False, epsilon=1e-6)"
        else:
            axis = "tuple(range(X_train.ndim - 1))" if _per(dataset) == "feature" else "None"
            centre, spread = {
                "standard": (f"X_train.mean({axis})", f"X_train.std({axis})"),
                "minmax": (f"X_train.min({axis})", f"(X_train.max({axis}) - X_train.min({axis}))"),
                "robust": (
                    f"np.median(X_train, {axis})",
                    f"(np.percentile(X_train, 75, {axis}) - np.percentile(X_train, 25, {axis})) / 1.349",
                ),
            }[str(dose["kind"])]
            per = "-1" if _per(dataset) == "feature" else "None"
            layer = f"keras.layers.Normalization(axis={per}, mean={centre}, variance=({spread}) ** 2)"
        return f"model = keras.Sequential([keras.Input(X_train.shape[1:]), {layer}, model])"


def _per(dataset: Dataset) -> str:
    """Return "input" for picture-like rows without a channel axis, such as (28, 28), else "feature"."""
    facts = input_facts(dataset.train.X)
    return "input" if any(len(f.shape) == 2 and f.shape[-1] > 16 and f.shape[0] > 1 for f in facts) else "feature"
