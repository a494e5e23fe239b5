"""What a remedy is. Copy the shortest one beside this file and change it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from optuna.distributions import BaseDistribution

from remedy.data.dataset import Dataset
from remedy.recipe.recipe import Recipe

Dose = Mapping[str, Any]


class Remedy:
    """One kind of change to a recipe, with the doses in which it can be given.

    Subclass it, fill in the class attributes, and write `apply` and `patch`. Both are pure: the
    same recipe, dataset and dose always give the same answer, and nothing is trained.

    Attributes:
        name: The act, an imperative: "clip-gradients". The same slug names the file and its test.
        treats: Codes of detectors that it treats, for links that the detector does not name itself.
        space: ``{dose name: optuna distribution}``: what TPE samples from.
        usual: The dose to try first. Override `usual_doses` where it depends on recipe or data.
        excludes: Names of remedies that make no sense beside this one.
        surgery: True where the layers are rewritten; such a remedy is left out for models that
            cannot be operated on.
        recompiles: True where the change needs a new ``model.compile``; the patch then ends in one.
        recodes: True where the target is coded anew for training, so that a loss on it is another loss.
        in_front: True where the patch puts layers in front of the model.
        costly: True where training takes longer with it; it is the first to be dropped from a fix.
        lengthens: True where its dose ``factor`` multiplies the epochs: the search gives it what time there is.
        resplits: True where it divides training and validation rows anew; its lines come first in a patch.
        sets_rate: True where its dose ``rate`` is the learning rate: the search tries rates around a range test's. One
            with a dose ``kind`` sets the optimizer, too.
        scales: True where it makes the recipe's input scaling; all of these share one step in front of the model.
        searched: False for what changes no training; it is added to a fix where a diagnosis asks for it.
    """

    name: ClassVar[str]
    treats: ClassVar[tuple[str, ...]] = ()
    space: ClassVar[Mapping[str, BaseDistribution]] = {}
    usual: ClassVar[Dose] = {}
    excludes: ClassVar[tuple[str, ...]] = ()
    surgery: ClassVar[bool] = False
    recompiles: ClassVar[bool] = False
    recodes: ClassVar[bool] = False
    in_front: ClassVar[bool] = False
    costly: ClassVar[bool] = False
    lengthens: ClassVar[bool] = False
    resplits: ClassVar[bool] = False
    sets_rate: ClassVar[bool] = False
    scales: ClassVar[bool] = False
    searched: ClassVar[bool] = True

    def specimen(self) -> tuple[Any, Any, Any, dict[str, Any]] | None:
        """Return a small program on which the usual dose applies; None where the test kit's own will do.

        The contract tests apply the usual dose to it, execute its patch and train both.

        Returns:
            A compiled model, X, y, and ``epochs`` and ``batch_size`` of its training.
        """
        return None

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return the doses to try first, best guess first.

        Args:
            recipe: The untouched recipe.
            dataset: The rows it trains on.
        """
        del recipe, dataset
        return (self.usual,)

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Return a changed copy of the recipe.

        Raises:
            NotApplicable: There is nothing in this recipe or dataset to act on.
        """
        raise NotImplementedError

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Say what was there before and what is there now, for the table of changes."""
        raise NotImplementedError

    def after_fit(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Return lines that come behind ``model.fit`` in the patch; none for most remedies.

        Args:
            recipe: The changed one, all remedies of the fix applied.
            dataset: The rows it trains on.
        """
        del recipe, dataset, dose
        return ""

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Return lines of Python that make the same change in the user's script.

        The lines may use ``keras``, ``np``, ``model``, ``X_train``, ``y_train`` and ``fit`` (a dict
        of keyword arguments for ``model.fit``), and change them. A compile line is added behind
        them where `recompiles` is set.
        """
        raise NotImplementedError
