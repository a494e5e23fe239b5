"""Where a fix is worse than what it replaces: a class that is found less often, a metric of the user's own that falls.

A score over all classes may rise while the class that the user cares for is lost; so that is said first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from remedy.evidence.confusion import Confusion

CHANCE = 1.96
"""Standard errors of the difference of two shares from which on chance does not explain it (5 %, two-sided)."""

LEAST = 0.05
"""A smaller fall, as a share of what was, is not worth a sentence."""

ANSWERED, HALF = 0.05, 0.5
"""Recall from which on a class is answered at all; where only one is, a model that finds half of it is no loss."""

MOST_SAID = 2

RISING = ("acc", "auc", "precision", "recall", "f1", "r2", "iou", "similarity", "dice")
FALLING = ("error", "mse", "mae", "mape", "msle", "rmse", "poisson", "crossentropy", "divergence")
"""Parts of names of metrics that are better when higher, and when lower; others are not judged."""


def setbacks(
    matrices: tuple[Confusion, Confusion] | None,
    before: Mapping[str, float],
    after: Mapping[str, float],
    rows: int,
) -> tuple[str, ...]:
    """Return what got worse by more than chance, the worst first, each as the end of a sentence.

    Args:
        matrices: How often each class was taken for each, before and after, on the same rows.
        before, after: The user's own metrics on these rows, by name.
        rows: How many those are.
    """
    found = [*_lost_classes(matrices), *_lost_metrics(before, after, rows)]
    return tuple(text for _, text in sorted(found, reverse=True)[:MOST_SAID])


def _lost_classes(matrices: tuple[Confusion, Confusion] | None) -> list[tuple[float, str]]:
    if matrices is None:
        return []
    first, second = matrices
    constant = sum((recall or 0.0) > ANSWERED for recall in first.recalls) == 1
    found = []
    for label, old, new, rows in zip(first.labels, first.recalls, second.recalls, first.support, strict=True):
        if old is None or new is None or (constant and new > HALF):
            continue  # Whoever answers one class for everything finds all of it.
        if _fell(old, new, rows):
            found.append((old - new, f"class {label} is found in {new:.0%} of its {rows} rows, untouched in {old:.0%}"))
    return found


def _lost_metrics(before: Mapping[str, float], after: Mapping[str, float], rows: int) -> list[tuple[float, str]]:
    found = []
    for name, old in before.items():
        new, kind = after.get(name), name.lower()
        if name == "loss" or new is None or not (math.isfinite(old) and math.isfinite(new)):
            continue
        if any(part in kind for part in FALLING):
            worse = new > old * (1 + LEAST)
        elif any(part in kind for part in RISING):
            worse = _fell(old, new, rows) if 0 <= old <= 1 and 0 <= new <= 1 else new < old - LEAST
        else:
            continue
        if worse:
            found.append(
                (abs(old - new) / max(abs(old), 1e-12), f"your metric {name} is {new:.3g}, untouched {old:.3g}")
            )
    return found


def _fell(old: float, new: float, rows: int) -> bool:
    """Say whether a share fell by more than chance explains, on so many rows each."""
    both = (old + new) / 2
    error = math.sqrt(max(both * (1 - both), 1e-12) * 2 / max(1, rows))
    return old - new > max(LEAST, CHANCE * error)
