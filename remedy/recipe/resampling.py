"""Resampling of training rows with imbalanced-learn. Validation rows never come here."""

from __future__ import annotations

import numpy as np

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import class_ids
from remedy.errors import NotApplicable
from remedy.recipe.recipe import Resampling

MEMORY_LIMIT = 2 << 30
"""Bytes that resampled inputs may take before the remedy is left out."""


def require_resampling(resampling: Resampling, dataset: Dataset) -> None:
    """Check that the training rows can be resampled.

    Raises:
        NotApplicable: No classes, one class, balanced classes, a class too small for SMOTE, several
            inputs or large data for SMOTE, or more memory than `MEMORY_LIMIT`.
    """
    counts = [rows for rows in (dataset.class_counts or {}).values() if rows]
    if len(counts) < 2 or max(counts) < 1.05 * min(counts):
        raise NotApplicable("oversampling needs classes of different size")
    if len(class_ids(dataset.train.target)) != len(dataset.train):
        raise NotApplicable("sequence labels cannot be resampled row by row")
    growth = 1.0 if resampling.kind == "balanced" else max(counts) * len(counts) / sum(counts)
    item = 4 if resampling.kind == "smote" else 1
    needed = growth * sum(max(a.nbytes, a.size * item) for a in arrays.leaves(dataset.train.X))
    if dataset.large and resampling.kind == "smote":
        raise NotApplicable("SMOTE would make new rows of data that is too large to copy; class-weights do without")
    if needed > MEMORY_LIMIT and not dataset.large:  # Large rows are drawn by number.
        raise NotApplicable(
            f"oversampled inputs would take {needed / 2**30:.1f} GiB; class-weights do the same without"
        )
    if resampling.kind == "smote":
        if any(part.dtype.kind not in "biuf" for part in arrays.leaves(dataset.train.X)):
            raise NotApplicable("SMOTE mixes rows of numbers; these are text")
        if min(counts) < 2:
            raise NotApplicable("SMOTE needs two rows of every class")
        if len(arrays.leaves(dataset.train.X)) > 1:
            raise NotApplicable("SMOTE mixes rows of one input; this model has several")


def drawn_rows(rows: Rows, resampling: Resampling, seed: int) -> arrays.Array:
    """Return the numbers of the rows that resampling without SMOTE draws, some of them several times."""
    from imblearn.over_sampling import RandomOverSampler

    ids = class_ids(rows.target)
    if resampling.kind == "random":
        index = np.arange(len(rows))[:, None]
        return np.asarray(RandomOverSampler(random_state=seed).fit_resample(index, ids)[0][:, 0])
    rng, kinds = np.random.default_rng(seed), np.unique(ids)
    share = len(ids) // len(kinds)
    drawn = [rng.choice(np.flatnonzero(ids == k), share, replace=bool(np.sum(ids == k) < share)) for k in kinds]
    return np.concatenate(drawn)


def resample(rows: Rows, resampling: Resampling, seed: int) -> Rows:
    """Return training rows in which every class has as many rows as the largest, or as the mean ("balanced").

    Args:
        rows: Training rows of a classification task; sample weights are carried along (1 for
            rows that SMOTE made).
        resampling: The kind.
        seed: Of the draw.
    """
    from imblearn.over_sampling import SMOTE

    if resampling.kind != "smote":
        return rows.take(drawn_rows(rows, resampling, seed))
    ids, index = class_ids(rows.target), np.arange(len(rows))
    X = arrays.leaves(rows.X)[0]
    smallest = int(np.unique(ids, return_counts=True)[1].min())
    sampler = SMOTE(random_state=seed, k_neighbors=min(5, smallest - 1))
    flat, drawn = sampler.fit_resample(np.asarray(X, dtype="float32").reshape(len(rows), -1), ids)
    first_of = {int(c): int(np.flatnonzero(ids == c)[0]) for c in np.unique(ids)}
    source = np.concatenate([index, [first_of[int(c)] for c in drawn[len(rows) :]]]).astype("int64")
    made = rows.take(source)
    weight = None
    if made.sample_weight is not None:
        weight = np.concatenate([made.sample_weight[: len(rows)], np.ones(len(drawn) - len(rows))])
    new = flat.reshape(-1, *X.shape[1:])
    return Rows(arrays.tree_map(lambda _: new, rows.X), made.y, weight, None)
