"""Which engine a search gets: this process, or several of them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

from remedy.dataset import Dataset
from remedy.detectors._base import Detector
from remedy.engines._base import Engine
from remedy.engines.inline import InlineEngine
from remedy.engines.process import ProcessEngine, cores
from remedy.errors import RemedyWarning
from remedy.scores import Scorer

MOST = 8
"""Processes that "auto" starts at most; each needs about half a gigabyte beside its share of the work."""

WORTH_SECONDS = 120.0
"""Seconds of training that a search must have before it for processes to pay: each takes ten seconds to start, and
compiles for itself what one process would share."""


def engine_for(
    dataset: Dataset,
    scorer: Scorer,
    detectors: Sequence[Detector],
    workers: int | str,
    expected_seconds: float,
) -> Engine:
    """Return the engine for a search.

    Args:
        dataset, scorer, detectors: What every training needs.
        workers: Trainings at a time, or "auto" for as many as pay.
        expected_seconds: Training that the search has before it, as far as known.
    """
    gpus = _gpus()
    count = _automatic(gpus, expected_seconds) if workers == "auto" else int(workers)
    if count > 1:
        try:
            return ProcessEngine(dataset, scorer, detectors, count, gpus)
        except Exception as error:  # Something of the user's cannot be sent to another process.
            text = f"No worker processes ({type(error).__name__}: {error}); the search trains in this one."
            warnings.warn(text, RemedyWarning, stacklevel=2)
    return InlineEngine(dataset, scorer, detectors)


def _automatic(gpus: Sequence[str], expected_seconds: float) -> int:
    if expected_seconds < WORTH_SECONDS:
        return 1
    if gpus:
        # With one GPU the user's own process holds its memory already.
        return min(MOST, len(gpus))
    return min(MOST, cores())


def _gpus() -> list[str]:
    """Return the GPUs as ``CUDA_VISIBLE_DEVICES`` names them; empty on a CPU."""
    import keras

    try:
        count = len(keras.distribution.list_devices("gpu"))
    except Exception:  # Not every backend can list its devices.
        count = 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (visible.split(",") if visible else [str(i) for i in range(count)])[:count]
