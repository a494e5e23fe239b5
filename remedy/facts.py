"""What is known before the first epoch: the evidence that data and recipe give by themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from remedy.arrays import Array
from remedy.dataset import Dataset, Rows, input_facts
from remedy.evidence import Evidence, InputFacts
from remedy.recipe import Recipe
from remedy.scores import CLASSIFICATION, class_ids

NORMALIZERS = ("Normalization", "Rescaling", "BatchNormalization", "LayerNormalization", "GroupNormalization")
KERAS_BATCH_SIZE = 32


def static_evidence(recipe: Recipe, dataset: Dataset) -> Evidence:
    """Return the evidence of data and recipe alone; nothing is trained.

    Args:
        recipe: How the run will train.
        dataset: What it will train on.
    """
    rows = len(dataset.train)
    steps = recipe.steps_per_epoch or math.ceil(rows / (recipe.batch_size or KERAS_BATCH_SIZE))
    architecture = recipe.architecture
    names, ids, inside = [], {}, {}
    for entry in architecture.inputs():
        name = entry["config"]["name"]
        readers = [reader["class_name"] for reader in architecture.consumers(name)]
        names.append(name)
        ids[name] = "Embedding" in readers
        inside[name] = recipe.input_scaling is not None or bool(readers and all(r in NORMALIZERS for r in readers))
    inputs = tuple(
        facts if not inside.get(facts.name) else _normalized(facts)
        for facts in input_facts(dataset.train.X, names or None, ids)
    )
    momenta = [float(layer["config"]["momentum"]) for layer in architecture.layers("BatchNormalization")]
    dropouts = tuple(float(layer["config"]["rate"]) for layer in architecture.layers("Dropout"))
    regression = dataset.task == "regression"
    return Evidence(
        task=dataset.task,
        epochs_planned=recipe.epochs,
        steps_per_epoch=steps,
        n_train=rows,
        n_validation=None if dataset.validation is None else len(dataset.validation),
        class_counts=dataset.class_counts,
        inputs=inputs,
        loss_name=recipe.loss_name,
        prior_loss=prior_loss(recipe, dataset),
        batchnorm_momentum=max(momenta) if momenta else None,
        dropout_rates=None if architecture.opaque else dropouts,
        target_spread=float(np.std(np.asarray(dataset.train.target, dtype="float64"))) if regression else None,
    )


def row_weights(rows: Rows, class_weight: Mapping[int, float] | None) -> Array:
    """Return the weight of every row, shape (n,): sample weights times class weights."""
    weights = np.ones(len(rows)) if rows.sample_weight is None else np.asarray(rows.sample_weight, dtype="float64")
    ids = class_ids(rows.target) if class_weight else np.zeros(0, dtype="int64")
    if class_weight and len(ids) == len(rows):
        weights = weights * np.array([class_weight.get(int(c), 1.0) for c in ids])
    return weights


def prior_loss(recipe: Recipe, dataset: Dataset) -> float | None:
    """Return the loss of the best constant answer on the training rows, or None where unknown.

    For a cross-entropy this is the (weighted) entropy of the class shares in nats, ln K for K
    balanced classes; for a mean squared error the variance of the target.
    """
    name, rows = recipe.loss_name or "", dataset.train
    if not isinstance(rows.y, np.ndarray) or (rows.sample_weight is not None and rows.sample_weight.ndim > 1):
        return None
    if isinstance(recipe.loss, Mapping) and recipe.loss.get("config", {}).get("label_smoothing"):
        return None
    target = np.asarray(rows.target, dtype="float64")
    if not np.all(np.isfinite(target)):
        return None
    if name in ("mse", "mean_squared_error", "MeanSquaredError"):
        return float(target.reshape(len(target), -1).var(axis=0).mean())
    if "crossentropy" not in name.lower().replace("_", ""):
        return None
    if dataset.task in CLASSIFICATION and not ("binary" in name and target.ndim > 1 and target.shape[-1] > 1):
        ids = class_ids(rows.target)
        if len(ids) != len(rows):
            return None
        weights = row_weights(rows, recipe.class_weight)
        mass = np.array([weights[ids == c].sum() for c in np.unique(ids)])
        return float(-(mass * np.log(mass / mass.sum())).sum() / len(rows))
    share = np.clip(target.reshape(len(target), -1).mean(0), 1e-12, 1 - 1e-12)
    return float(-(share * np.log(share) + (1 - share) * np.log(1 - share)).mean())


def probe(rows: Rows, limit: int = 512) -> Rows:
    """Pick at most ``limit`` rows that keep the shares of the classes (or the spread of the target).

    Args:
        rows: Rows to pick from.
        limit: Never more than this; also never more than an eighth of the rows (64 at least), so
            that looking stays a few per cent of training.
    """
    wanted = min(len(rows), limit, max(64, len(rows) // 8))
    target = np.asarray(rows.target)
    keys = class_ids(target) if target.ndim > 1 and target.shape[-1] > 1 else target.reshape(len(target), -1)[:, 0]
    if len(keys) != len(rows):
        keys = np.arange(len(rows))
    order = np.argsort(keys, kind="stable")
    return rows.take(np.sort(order[np.linspace(0, len(rows) - 1, wanted).round().astype("int64")]))


def _normalized(facts: InputFacts) -> InputFacts:
    return replace(facts, normalized_inside=True)
