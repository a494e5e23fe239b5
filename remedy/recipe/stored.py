"""What a stored recipe may hold: its keys and the kinds of their values; never whether its code may run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remedy.errors import ModelError

_NUMBER, _PART = (int, float), (str, dict, list, type(None))

KINDS: Mapping[str, tuple[type, ...]] = {
    "architecture": (dict,),
    "opaque": (str, type(None)),
    "optimizer": (dict,),
    "loss": _PART,
    "metrics": _PART,
    "weighted_metrics": _PART,
    "loss_weights": (*_PART, *_NUMBER),
    "batch_size": (int, type(None)),
    "epochs": (int,),
    "steps_per_epoch": (int, type(None)),
    "class_weight": (dict, type(None)),
    "shuffle": (bool,),
    "input_scaling": (dict, type(None)),
    "resampling": (dict, type(None)),
    "target": (dict, type(None)),
    "restarts": (int,),
    "resplit": (bool,),
    "jit_compile": (bool, str, type(None)),
    "run_eagerly": (bool,),
    "callbacks": (list, tuple),
    "threshold": (str,),
    "traced": (bool,),
    "warm_up": (int,),
    "unweighted": (bool,),
}
"""Kinds of the values of a stored recipe, by key."""

NEEDED = ("architecture", "opaque", "optimizer", "loss", "class_weight", "input_scaling", "resampling")
"""Keys that every version wrote."""

WAY_ON = "it was changed by hand, or written by another version. Train the run anew with remedy.fit."


def checked(data: Any) -> dict[str, Any]:
    """Return the values of a stored recipe, once each is known and of its kind.

    Args:
        data: As it was read from JSON.

    Raises:
        ModelError: It is no dict, lacks a key, holds one that no recipe has, or a value of another kind.
    """
    if not isinstance(data, Mapping):
        raise ModelError(f"A stored recipe is a {type(data).__name__} and not a dict: {WAY_ON}")
    if unknown := sorted(str(key) for key in data if key not in KINDS):
        raise ModelError(f"A stored recipe holds {', '.join(map(repr, unknown))}, which no recipe has: {WAY_ON}")
    if lacking := [key for key in NEEDED if key not in data]:
        raise ModelError(f"A stored recipe lacks {', '.join(map(repr, lacking))}: {WAY_ON}")
    for key, value in data.items():
        if not isinstance(value, KINDS[key]) or (isinstance(value, bool) and bool not in KINDS[key]):
            raise ModelError(f"A stored recipe holds {key}={str(value)[:60]!r}, a {type(value).__name__}: {WAY_ON}")
    return dict(data)
