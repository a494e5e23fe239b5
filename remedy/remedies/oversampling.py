"""oversampling: draw more rows of the rare classes, on the training part only."""

from __future__ import annotations

from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.recipe import Recipe, Resampling
from remedy.recipe.resampling import require_resampling
from remedy.remedies._base import Remedy


class Oversampling(Remedy):
    """Bring every class to one size: the largest, by copies or by SMOTE's mixtures, or the mean ("balanced").

    "balanced" draws as many rows in all as there are, so that it takes no more memory or time.

    Only training rows are drawn, when the recipe is trained; validation rows never are.

    Source: Chawla et al., "SMOTE", JAIR 16, 2002, by way of imbalanced-learn.
    """

    name = "oversampling"
    treats = ("DAT101",)
    space = {"kind": CategoricalDistribution(["random", "smote", "balanced"])}
    usual = {"kind": "random"}
    excludes = ("class-weights",)

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Note the resampling; the engine draws the rows."""
        resampling = Resampling(str(dose["kind"]))
        require_resampling(resampling, dataset)
        if recipe.class_weight:
            raise NotApplicable("the recipe weights its classes already")
        return recipe.replace(resampling=resampling)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the kind."""
        return "rows as given", f"{changed.resampling.kind if changed.resampling else 'no'} oversampling"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Resample X_train and y_train with imbalanced-learn, behind what keeps validation rows out of it."""
        weighted = dataset.train.sample_weight is not None and not recipe.unweighted
        lines = _set_aside(len(dataset.train), weighted) if dataset.validation_tail else ""
        lines += self._draw(dataset, str(dose["kind"]))
        if weighted and dose["kind"] == "smote":
            more = "np.ones(len(drawn) - len(fit['sample_weight']))"
            lines += f"\nfit['sample_weight'] = np.concatenate([fit['sample_weight'], {more}])"
        elif weighted:
            lines += "\nfit['sample_weight'] = np.asarray(fit['sample_weight'])[rows]"
        return lines

    def _draw(self, dataset: Dataset, kind: str) -> str:
        if kind == "smote":
            nested = dataset.nested
            packed = "flat.reshape(-1, *part.shape[1:])"
            packed = f"keras.tree.pack_sequence_as(X_train, [{packed}])" if nested else packed
            smallest = min(n for n in (dataset.class_counts or {1: 2}).values() if n)
            return (
                "from imblearn.over_sampling import SMOTE\n"
                "classes = y_train.argmax(-1) if y_train.ndim > 1 and y_train.shape[-1] > 1 else y_train.reshape(-1)\n"
                f"part = {'keras.tree.flatten(X_train)[0]' if nested else 'X_train'}\n"
                f"flat, drawn = SMOTE(random_state=0, k_neighbors={min(5, smallest - 1)})"
                ".fit_resample(part.reshape(len(part), -1).astype('float32'), classes)\n"
                f"X_train = {packed}\n"
                "y_train = np.eye(y_train.shape[-1])[drawn] if y_train.ndim > 1 and y_train.shape[-1] > 1 else drawn"
            )
        if kind == "balanced":
            return (
                "classes = y_train.argmax(-1) if y_train.ndim > 1 and y_train.shape[-1] > 1 else y_train.reshape(-1)\n"
                "rng, kinds = np.random.default_rng(0), np.unique(classes)\n"
                "share = len(classes) // len(kinds)\n"
                "rows = np.concatenate([rng.choice(np.flatnonzero(classes == k), share, "
                "replace=np.sum(classes == k) < share) for k in kinds])\n"
                "X_train, y_train = keras.tree.map_structure(lambda part: part[rows], X_train), y_train[rows]"
            )
        return (
            "from imblearn.over_sampling import RandomOverSampler\n"
            "classes = y_train.argmax(-1) if y_train.ndim > 1 and y_train.shape[-1] > 1 else y_train.reshape(-1)\n"
            "rows = np.arange(len(y_train))[:, None]\n"
            "rows = RandomOverSampler(random_state=0).fit_resample(rows, classes)[0][:, 0]\n"
            "X_train, y_train = keras.tree.map_structure(lambda part: part[rows], X_train), y_train[rows]"
        )


def _set_aside(rows: int, weighted: bool) -> str:
    """Return lines that take the rows of ``validation_split`` away before any are drawn: Keras takes the last ones."""
    weights = ", np.asarray(fit['sample_weight'])[at:]" if weighted else ""
    return (
        f"at = {rows}  # the rows behind are those of validation_split\n"
        f"held = keras.tree.map_structure(lambda part: part[at:], X_train)\n"
        f"fit['validation_data'] = held, y_train[at:]{weights}\n"
        "X_train, y_train = keras.tree.map_structure(lambda part: part[:at], X_train), y_train[:at]\n"
        + ("fit['sample_weight'] = fit['sample_weight'][:at]\n" if weighted else "")
        + "fit.pop('validation_split', None)\n"
    )
