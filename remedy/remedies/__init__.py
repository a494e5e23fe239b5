"""One file per act: a class with a name, a dose space, a usual dose, ``apply`` and ``patch``.

``from remedy.remedies import ClipGradients`` finds the class in its file. What a remedy of your own needs is here, too:
``from remedy.remedies import Dataset, NotApplicable, Recipe, Remedy``.
"""

from pathlib import Path

from remedy.doors import door

__getattr__ = door(
    __name__,
    {
        "Dataset": "remedy.data.dataset",
        "NotApplicable": "remedy.errors",
        "Recipe": "remedy.recipe.recipe",
        "Remedy": "remedy.remedies._base",
    },
    str(Path(__file__).parent),
)
