"""What may be worth a try where a run learns all the same: lines of Python, and nobody has measured what they bring."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

from remedy.data.dataset import Dataset
from remedy.diagnosis import Diagnosis
from remedy.errors import RemedyWarning
from remedy.prescription import patch
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.search.candidates import first_choices


def advise(
    diagnoses: Sequence[Diagnosis],
    available: Sequence[Remedy],
    recipe: Recipe | None,
    dataset: Dataset | None,
    begun: Callable[[Recipe], Recipe],
) -> str | None:
    """Return the lines that change what was plain before the first epoch; None where there is nothing to change.

    Args:
        diagnoses: What was found.
        available: Remedies to choose from.
        recipe: Of the run that was not stuck; None where it could not be read.
        dataset: Its rows; None where they could not be read.
        begun: Returns a recipe with the weights that were loaded before the training. That takes two builds, so it is
            asked only where layers are rewritten, which would lose them.
    """
    plain = [d for d in diagnoses if d.epoch == 0 and not d.symptom]
    if not plain or recipe is None or dataset is None or not dataset.complete or dataset.large:
        return None  # Of large data a remedy would read every row, for lines that nobody has asked for.
    try:
        prescription = first_choices(plain, available, recipe, dataset, searched=False)
        if any(remedy.surgery for remedy in available if remedy.name in prescription.names):
            recipe = begun(recipe)
            prescription = first_choices(plain, available, recipe, dataset, searched=False)
        return patch(prescription, recipe, dataset, available) or None
    except Exception as error:  # The training is over and well; advice must not cost it.
        warnings.warn(f"No advice ({type(error).__name__}: {error}).", RemedyWarning, stacklevel=3)
        return None
