"""Which engine a search gets: this process, or several of them."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import warnings
from collections.abc import Sequence

from remedy.data.dataset import Dataset
from remedy.data.scores import Scorer
from remedy.detectors._base import Detector
from remedy.errors import RemedyWarning
from remedy.training.engines._base import Engine
from remedy.training.engines.inline import InlineEngine
from remedy.training.engines.process import ProcessEngine, cores

log = logging.getLogger(__name__)

MOST = 8
"""Processes that "auto" starts at most; each needs about half a gigabyte beside its share of the work."""

WORTH_SECONDS = 120.0
"""Seconds of training that a search must have before it for processes to pay: each takes ten seconds to start, and
compiles for itself what one process would share."""


SHARE_MB = 6_000
"""Free memory of a GPU for every process that shares it: the driver's context, kernels, and a network of some size."""


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
    count = automatic_workers(gpus, expected_seconds) if workers == "auto" else int(workers)
    if count > 1:
        try:
            return ProcessEngine(dataset, scorer, detectors, count, gpus)
        except Exception as error:  # Something of the user's cannot be sent to another process.
            text = f"No worker processes ({type(error).__name__}: {error}); the search trains in this one."
            warnings.warn(text, RemedyWarning, stacklevel=2)
    return InlineEngine(dataset, scorer, detectors)


def automatic_workers(gpus: Sequence[str], expected_seconds: float) -> int:
    """Return how many processes "auto" stands for.

    Args:
        gpus: Names of GPUs as ``CUDA_VISIBLE_DEVICES`` takes them.
        expected_seconds: Training that the search has before it.
    """
    if expected_seconds < WORTH_SECONDS:
        return 1
    if len(gpus) == 1:
        # A small network leaves most of a large GPU idle; what the user's own process holds is not free.
        return max(1, min(MOST, cores(), _free_mb(gpus[0]) // SHARE_MB))
    return min(MOST, len(gpus) or cores())


def _free_mb(gpu: str) -> int:
    """Return the free memory of a GPU in MB, as its driver tells it; 0 where it cannot be asked."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    query = [tool, "--query-gpu=memory.free", "--format=csv,noheader,nounits", f"--id={gpu}"]
    try:
        return int(subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def _gpus() -> list[str]:
    """Return the GPUs as ``CUDA_VISIBLE_DEVICES`` names them; empty on a CPU."""
    import keras

    try:
        if keras.backend.backend() == "torch":
            import torch

            count = torch.cuda.device_count()
        else:
            count = len(keras.distribution.list_devices("gpu"))
    except Exception:  # Not every backend can list its devices.
        log.debug("no devices are listed", exc_info=True)
        count = 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (visible.split(",") if visible else [str(i) for i in range(count)])[:count]
