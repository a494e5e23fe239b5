"""What MLflow's own autologging of Keras writes of a call of ``fit``, under the same names."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from remedy.tracking.run import Run

log = logging.getLogger(__name__)

ARGUMENTS = (
    *("steps_per_epoch", "initial_epoch", "shuffle", "validation_split"),
    *("validation_steps", "validation_batch_size", "validation_freq"),
)
"""Arguments of ``fit`` that become parameters where they were given; batch size, epochs and weights do anyway."""

PLAIN = (int, float, str, bool)
SUMMARY = "model_summary.txt"


def plain_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call of ``fit`` that become parameters of its run."""
    return {name: given[name] for name in ARGUMENTS if isinstance(given.get(name), PLAIN)}


def write_call(run: Run, model: Any, given: Mapping[str, Any]) -> None:
    """Write the arguments of ``fit`` and of the optimizer as parameters.

    Args:
        run: Of the training.
        model: Compiled.
        given: Keywords of ``fit``.
    """
    found = plain_arguments(given)
    try:
        settings = model.optimizer.get_config()
        settings.pop("name", None)  # Keras counts it up: two runs of one program would differ.
        found |= {f"optimizer_{name}": value for name, value in settings.items()}
    except Exception:  # An optimizer of the user's own need not be spelled.
        log.debug("the optimizer is not written down", exc_info=True)
    run.params(found)


def write_outcome(run: Run, model: Any, callbacks: Sequence[Any]) -> None:
    """Write the model's summary, and what early stopping did.

    Args:
        run: Of the training.
        model: Trained.
        callbacks: The user's.
    """
    stopping = next((c for c in callbacks if type(c).__name__ == "EarlyStopping"), None)
    if stopping is not None:
        names = ("monitor", "min_delta", "patience", "baseline", "restore_best_weights")
        run.params({name: getattr(stopping, name, None) for name in names})
        ended = getattr(stopping, "stopped_epoch", 0)
        best = getattr(stopping, "best_epoch", None) if getattr(stopping, "restore_best_weights", False) else None
        epochs = {"stopped_epoch": ended} | ({} if best is None else {"restored_epoch": best})
        run.metrics({name: float(epoch) for name, epoch in epochs.items() if ended})
    lines: list[str] = []
    try:
        model.summary(print_fn=lambda line, **_: lines.append(line))
    except Exception:  # A model that was never built, or a layer that cannot say its shape.
        log.debug("no summary is written", exc_info=True)
        return
    run.top_text(SUMMARY, "\n".join(lines))
