"""What a run says of where it trained: device, backend, and the packages that its model needs."""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version

log = logging.getLogger(__name__)


def requirements() -> list[str]:
    """Return pinned requirements of a logged model: Keras, its backend and NumPy."""
    import keras

    wanted = ["keras", {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}[keras.backend.backend()], "numpy"]
    pinned = []
    for name in wanted:
        try:
            pinned.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return pinned


def device() -> str:
    """Return the kind of device that Keras trains on: "gpu:0 of 1", or "cpu"."""
    import keras

    try:
        gpus = keras.distribution.list_devices("gpu")
    except Exception:  # Not every backend can list its devices.
        log.debug("no devices are listed", exc_info=True)
        gpus = []
    if not gpus and keras.backend.backend() == "torch":
        import torch

        gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return f"{gpus[0]} of {len(gpus)}" if gpus else "cpu"


def backend() -> str:
    """Return the name of the backend that Keras runs on."""
    import keras

    return str(keras.backend.backend())
