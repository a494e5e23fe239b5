"""The user's own callbacks that steer a training, as data: what a fresh training of the same program needs of them.

An early stop, a rate that falls on a plateau or follows a schedule are part of the program. They are read from the
live callbacks, kept with the recipe, and made anew for every training, so that no training moves the user's own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from remedy.keras_internals import is_keras, package

log = logging.getLogger(__name__)

Spec = Mapping[str, Any]
"""``{"class_name": ..., "config": {...}}`` of one callback."""

SCHEDULE = "LearningRateScheduler"

ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "EarlyStopping": (
        "monitor",
        "min_delta",
        "patience",
        "mode",
        "baseline",
        "restore_best_weights",
        "start_from_epoch",
    ),
    "ReduceLROnPlateau": ("monitor", "factor", "patience", "mode", "min_delta", "cooldown", "min_lr"),
    SCHEDULE: (),
    "TerminateOnNaN": (),
}
"""Keras' callbacks that steer a training, with the arguments that make one like them."""

WATCHING = (
    "BackupAndRestore",
    "CSVLogger",
    "History",
    "ModelCheckpoint",
    "ProgbarLogger",
    "RemoteMonitor",
    "TensorBoard",
)
"""Keras' callbacks that write or show something and steer nothing."""


def read_callbacks(callbacks: Iterable[Any], validated: bool = True) -> tuple[Spec, ...]:
    """Return the callbacks that steer a training, as data; the rates of a schedule are filled in by `with_rates`.

    Args:
        callbacks: The user's own.
        validated: False where the program has no validation rows: what waits for ``val_loss`` then waits for nothing.
    """
    found: list[Spec] = []
    for callback in callbacks:
        name = type(callback).__name__
        if name not in ARGUMENTS or not is_keras(callback):
            continue
        config = {argument: _plain(getattr(callback, argument)) for argument in ARGUMENTS[name]}
        if validated or not str(config.get("monitor", "")).startswith("val_"):
            found.append({"class_name": name, "config": config})
    return tuple(found)


def with_rates(specs: Iterable[Spec], rates: Sequence[float]) -> tuple[Spec, ...]:
    """Return the callbacks with the rates of a schedule filled in, one an epoch; without any it is left out."""
    return tuple(
        {**spec, "config": {"rates": list(rates)}} if spec["class_name"] == SCHEDULE else spec
        for spec in specs
        if rates or spec["class_name"] != SCHEDULE
    )


def scheduled_rates(callbacks: Iterable[Any], rate: float, epochs: int) -> list[float]:
    """Return the rate that the user's schedule sets in every epoch; empty where there is none, or where it fails.

    Args:
        callbacks: The user's own.
        rate: Before the first epoch.
        epochs: How many to ask for.
    """
    schedule = next((c.schedule for c in callbacks if type(c).__name__ == SCHEDULE and hasattr(c, "schedule")), None)
    rates: list[float] = []
    try:
        for epoch in range(epochs if schedule else 0):
            rate = float(_call(schedule, epoch, rate))
            rates.append(rate)
    except Exception:  # The user's own function: Keras will say what is wrong with it.
        log.debug("a schedule of the user's gives no rates", exc_info=True)
        return []
    return rates


def _call(schedule: Any, epoch: int, rate: float) -> Any:
    try:
        return schedule(epoch, rate)
    except TypeError:  # A function of the epoch alone, which Keras takes as well.
        return schedule(epoch)


def make_callbacks(specs: Iterable[Spec]) -> list[Any]:
    """Return fresh callbacks for one training."""
    import keras

    made = []
    for spec in specs:
        if spec["class_name"] == SCHEDULE:
            made.append(keras.callbacks.LearningRateScheduler(_table(spec["config"].get("rates") or [])))
        else:
            made.append(getattr(keras.callbacks, spec["class_name"])(**spec["config"]))
    return made


def _table(rates: Sequence[float]) -> Callable[[int, float], float]:
    """Return a schedule that looks its rates up; behind the last one the rate stays."""
    return lambda epoch, rate: float(rates[min(epoch, len(rates) - 1)]) if rates else float(rate)


def has_schedule(specs: Iterable[Spec]) -> bool:
    """Say whether a callback sets the learning rate epoch by epoch."""
    return any(spec["class_name"] == SCHEDULE for spec in specs)


def without_schedule(specs: Iterable[Spec]) -> tuple[Spec, ...]:
    """Return the callbacks without the one that would overrule a learning rate."""
    return tuple(spec for spec in specs if spec["class_name"] != SCHEDULE)


def monitored(specs: Iterable[Spec]) -> set[str]:
    """Return what the callbacks wait for: names in Keras' logs, such as "val_loss"."""
    return {str(spec["config"]["monitor"]) for spec in specs if "monitor" in spec["config"]}


def restores_weights(specs: Iterable[Spec]) -> bool:
    """Say whether a callback may end a training with the weights of an earlier epoch."""
    return any(spec["config"].get("restore_best_weights") for spec in specs)


def left_out(callbacks: Iterable[Any]) -> list[str]:
    """Return the class names of callbacks of the user's own, of which no copy can be made: they may do anything."""
    known = {*ARGUMENTS, *WATCHING}
    ours = (c for c in callbacks if package(type(c).__module__) != "remedy")
    return sorted({type(c).__name__ for c in ours if not (is_keras(c) and type(c).__name__ in known)})


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
