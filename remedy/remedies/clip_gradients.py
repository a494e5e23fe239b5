"""clip-gradients: bound the norm of all gradients together."""

from __future__ import annotations

from typing import Any, ClassVar

from optuna.distributions import FloatDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy

CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")


class ClipGradients(Remedy):
    """Scale the gradients of a step down together where their norm is above a bound.

    One huge step can throw a net where it never comes back from: all units dead, or NaN.

    Source: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks",
    ICML 2013, section 3.2 (clip the norm; 1 is the usual bound).
    """

    name = "clip-gradients"
    space: ClassVar = {"norm": FloatDistribution(0.1, 10.0, log=True)}
    usual = {"norm": 1.0}
    recompiles = True

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set ``global_clipnorm`` of the optimizer."""
        norm, now = float(dose["norm"]), _clip(recipe)
        if now is not None and now[1] <= norm:
            raise NotApplicable(f"gradients are clipped at {now[1]:g} already")
        return recipe.with_optimizer(clipnorm=None, clipvalue=None, global_clipnorm=norm)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the bounds."""
        return _clipping_of(recipe), _clipping_of(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Nothing of its own: the new optimizer stands in the compile line."""
        return ""


def _clip(recipe: Recipe) -> tuple[str, float] | None:
    config = recipe.descent["config"]
    return next(((name, float(config[name])) for name in CLIPS if config.get(name)), None)


def _clipping_of(recipe: Recipe) -> str:
    clip = _clip(recipe)
    return "not clipped" if clip is None else f"{clip[0]} {clip[1]:.3g}"
