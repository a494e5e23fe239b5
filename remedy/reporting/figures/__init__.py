"""Pictures of a run, drawn with matplotlib's object interface (no window, no global state).

Every function returns a figure, or None where what it shows was not recorded.
"""

from remedy.reporting.figures._panels import png, shortened
from remedy.reporting.figures.classes import confusion, predicted_against_true, recalls
from remedy.reporting.figures.curves import before_and_after, curves
from remedy.reporting.figures.layers import layers
from remedy.reporting.figures.trials import remedies, search

__all__ = [
    "before_and_after",
    "confusion",
    "curves",
    "layers",
    "png",
    "predicted_against_true",
    "recalls",
    "remedies",
    "search",
    "shortened",
]
