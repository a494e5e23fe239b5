"""move-threshold: cut a binary net's answers where that parts the classes best; nothing is trained for it."""

from __future__ import annotations

from typing import Any

from remedy.data.dataset import Dataset
from remedy.data.thresholds import UNSURE
from remedy.errors import NotApplicable
from remedy.evidence.model_facts import head_facts
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._specimens import Program, table


class MoveThreshold(Remedy):
    """Shift the bias of a binary head, so that one half becomes the best threshold on the validation rows.

    A net that was trained on rare positives gives them low probabilities and still knows them from the others. The
    order of its answers stays what it was.

    Source: Provost, "Machine learning from imbalanced data sets 101", AAAI Workshop 2000; Elkan, "The foundations of
    cost-sensitive learning", IJCAI 2001 (a threshold and a weight of classes do the same).
    """

    name = "move-threshold"
    treats = ("HED214", "DAT101", "GEN403", "GEN405")

    def specimen(self) -> Program:
        """Return one unit for two unequal classes."""
        model, X, y, fit = table(1, "sigmoid", "binary_crossentropy")
        return model, X, y[:, :1], fit

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Ask for the shift."""
        heads = head_facts(recipe)
        if dataset.task != "binary" or len(heads) != 1 or heads[0].get("units") != 1 or recipe.architecture.opaque:
            raise NotApplicable("only the single unit of a binary classification has a threshold")
        if (
            heads[0]["activation"] not in ("sigmoid", "linear")
            or (heads[0]["activation"] == "linear") != recipe.from_logits
        ):
            raise NotApplicable("the head gives no probabilities")
        if recipe.threshold == "moved":
            raise NotApplicable("the threshold is moved already")
        return recipe.replace(threshold="moved")

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name both."""
        return "threshold one half", "threshold that validation rows choose, inside the bias of the head"

    def after_fit(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Shift the bias, by the validation rows where the script gives them as arrays."""
        return (
            "held = fit.get('validation_data')\n"
            "move_threshold(model, *(held[:2] if isinstance(held, (tuple, list)) else (X_train, y_train)))"
        )

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Train, then shift the bias to the threshold that parts the classes best."""
        back = "cut" if recipe.from_logits else "np.log(cut / (1 - cut))"
        clip = "" if recipe.from_logits else "cut = np.clip(cut, 1e-6, 1 - 1e-6)\n    "
        usual = "0.0" if recipe.from_logits else "0.5"
        return (
            "def move_threshold(model, X, y):  # behind model.fit, with validation rows\n"
            "    answers = np.nan_to_num(model.predict(X, verbose=0).ravel().astype('float64'))\n"
            "    truth, values = np.ravel(y) > 0, np.unique(answers)\n"
            "    if len(values) < 2:\n"
            "        return  # every row is answered alike\n"
            "    cuts = (values[1:] + values[:-1]) / 2\n"
            "    sides = np.sort(answers[truth]), np.sort(answers[~truth])\n"
            "    found = 1 - np.searchsorted(sides[0], cuts, side='right') / len(sides[0])\n"
            "    spared = np.searchsorted(sides[1], cuts, side='right') / len(sides[1])\n"
            "    best, score = np.argmax(found + spared), (found + spared) / 2\n"
            "    shares = [(found[best], len(sides[0])), (spared[best], len(sides[1]))]\n"
            "    error = sum(share * (1 - share) / n for share, n in shares)**0.5 / 2\n"
            f"    far = np.maximum(0, np.maximum(values[:-1] - {usual}, {usual} - values[1:]))\n"
            f"    near = np.argmin(np.where(score >= score[best] - {UNSURE} * error, far, np.inf))\n"
            "    if far[near] == 0:\n"
            "        return  # of thresholds that chance may have put in order the usual one stays\n"
            f"    cut = cuts[near]\n    {clip}head = [layer for layer in model.layers if layer.weights][-1]\n"
            "    while hasattr(head, 'layers'):\n"
            "        head = [layer for layer in head.layers if layer.weights][-1]\n"
            f"    head.bias.assign(np.asarray(head.bias) - {back})"
        )
