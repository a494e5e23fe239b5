"""restart: begin from several initial weights, and go on from the best."""

from __future__ import annotations

from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.recipe import Recipe
from remedy.recipe.source_code import FRESH_LAYER, TABLES, compile_line
from remedy.remedies._base import Remedy


class Restart(Remedy):
    """Train several initial weights for one epoch each, and go on from those with the lowest loss.

    Small nets fail from some initial weights only: all units of a narrow layer dead at the start. The
    loss after one epoch tells.

    Source: LeCun et al., "Efficient BackProp", 1998, section 4.6 (the starting weights decide how a
    training goes); several starts and the best kept is usual since.
    """

    name = "restart"
    space = {"starts": CategoricalDistribution([3, 5])}
    usual = {"starts": 5}
    costly = True

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Note the number of starts; the engine makes them."""
        starts = int(dose["starts"])
        if recipe.restarts >= starts:
            raise NotApplicable(f"there are {recipe.restarts} starts already")
        return recipe.replace(restarts=starts)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Count the starts."""
        return (
            "one start" if recipe.restarts == 1 else f"{recipe.restarts} starts",
            f"best of {changed.restarts} starts",
        )

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Pick the start before ``fit``."""
        kept = any(recipe.architecture.layers(*TABLES, "Lambda"))  # Keras cannot make these anew by themselves.
        how = "model, clone_function=fresh" if kept else "model"
        return (
            (f"{FRESH_LAYER}\n" if kept else "") + "starts = []\n"
            f"for seed in range({int(dose['starts'])}):\n"
            "    keras.utils.set_random_seed(seed)\n"
            f"    start = keras.models.clone_model({how})\n"
            "    for new, old in zip(start.layers, model.layers):\n"
            "        if old.weights and not old.trainable_weights:  # frozen and adapted layers keep theirs\n"
            "            new.set_weights(old.get_weights())\n"
            f"    {compile_line(recipe, 'start')}\n"
            "    weights = start.get_weights()\n"
            "    first = start.fit(X_train, y_train, **{**fit, 'epochs': 1, 'verbose': 0}).history['loss'][-1]\n"
            "    starts.append((first, seed, weights))\n"
            "model.set_weights(min(s for s in starts if s[0] == s[0])[2])"
        )
