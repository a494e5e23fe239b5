"""Writes a Keras model as a model of MLflow, with a signature of raw rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np

from remedy.data import arrays

MOST_NAME = 100
"""Letters of a model's name."""

EXAMPLE_VALUES = 10_000
"""A larger row is no example of an input: MLflow writes it down as text, twice, which takes seconds for a photo."""


def log_model(model: Any, X: arrays.Nest, requirements: list[str], name: str) -> str:
    """Log a Keras model with the active run; return its address.

    Args:
        model: To keep; `unsaved` has nothing against it.
        X: Rows of its inputs; the first is its example where it is small.
        requirements: What it needs, pinned.
        name: In MLflow's list of models.
    """
    sample = arrays.take(X, slice(0, 1))
    signature = example = None
    if isinstance(sample, (np.ndarray, Mapping)):
        answer = arrays.tree_map(_as_numpy, model(sample, training=False))
        signature = mlflow.models.infer_signature(sample, answer)
        example = sample if sum(map(np.size, arrays.leaves(sample))) <= EXAMPLE_VALUES else None
    logged = mlflow.models.Model.log(
        artifact_path=None,
        name=re.sub(r"[^\w-]+", "-", name).strip("-")[:MOST_NAME] or "model",
        flavor=SimpleNamespace(__name__="mlflow.keras", save_model=_save_keras),
        model=model,
        signature=signature,
        input_example=example,
        pip_requirements=requirements,
        validate_serving_input=False,  # It would load the model and print Keras' bar.
    )
    return str(logged.model_uri)


def unsaved(model: Any) -> str | None:
    """Return why Keras cannot save a model, in words; None where it can."""
    import keras

    try:
        keras.saving.serialize_keras_object(model)
    except Exception as error:  # A configuration of the user's own, or none.
        return f"Keras cannot save a {type(model).__name__} ({type(error).__name__}). Give it a get_config()."
    return None


def _save_keras(path: str, validate_serving_input: bool = False, **how: Any) -> None:
    """Save a Keras model as MLflow does, into a folder that is there: its example is written before (MLflow 3.17)."""
    del validate_serving_input  # Meant for MLflow, which hands it on.
    Path(path).mkdir(parents=True, exist_ok=True)
    mlflow.keras.save_model(path=path, **how)


def _as_numpy(tensor: Any) -> Any:
    import keras

    return keras.ops.convert_to_numpy(tensor)
