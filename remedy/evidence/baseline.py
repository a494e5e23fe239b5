"""What a shallow model reaches on the same rows: whether the data can be learned at all.

A forest of extremely randomised trees (Geurts, Ernst, Wehenkel, "Extremely randomized trees",
Machine Learning 63, 2006) and a linear model, cross-validated on columns, or on summary features
of signals and images. It needs no scaling, no tuning and about a second.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array
from remedy.data.heads import Head, parts
from remedy.data.kinship import Kinship, kinship
from remedy.data.persistence import constant_answer
from remedy.data.rows import Rows
from remedy.data.scores import CLASSIFICATION, Task, class_ids, recalls, scorer_for
from remedy.data.splitting import in_time
from remedy.data.text import is_text, word_counts
from remedy.evidence.records import Shallow

SHALLOW_ROWS = 1500
"""Rows that the shallow model is trained and judged on."""

HEAD_ROWS = 1000
"""The same of a model of several outputs, for each of them."""

COLUMNS = 800
"""Inputs with more values a row are summarised."""

PLACES = 256
"""Means of places that stand for a signal or a picture."""

VALUES = 1 << 15
"""Pictures of more values a row are made smaller first, by means of 2 x 2 pixels: they are summarised anyway."""

BLOCK = 1 << 23
"""Values that are summarised at a time."""

CHANNELS = 16
"""A last axis of more values is not one of channels."""

LEAST_ROWS = 30
LEAST_ROWS_A_CLASS = 5
FOLDS = 3
TREES = 60

TREE_COLUMNS = 100
"""Columns that a split of a regression tree chooses from; all of many would take half a minute."""

LINEAR_VALUES = 100_000_000
"""Where rows times columns times classes are more, there is no linear model beside the forest."""


def shallow_baseline(
    rows: Rows,
    task: Task,
    ids: bool = False,
    epoch: int = 0,
    seed: int = 0,
    limit: int = SHALLOW_ROWS,
    validation: Rows | None = None,
    heads: Sequence[Head] = (),
) -> Shallow | None:
    """Return what a shallow model reaches, or None where there are too few rows to say.

    Args:
        rows: Training rows.
        task: What the labels ask for.
        ids: True where the input values are ids (words) and not quantities.
        epoch: After how many epochs of the network this is measured.
        seed: Of rows, folds and trees.
        limit: Most rows to use.
        validation: The user's validation rows: a model of the training rows is asked about them, too.
        heads: The outputs of a model of several: a shallow model for each, and the mean of their ways.
    """
    if heads:
        return _shallow_heads(rows, heads, ids, epoch)
    from threadpoolctl import threadpool_limits

    target = np.asarray(rows.target)
    if len(rows) < LEAST_ROWS or len(arrays.leaves(rows.y)) != 1 or _copies_its_input(rows, target):
        return None
    rng = np.random.default_rng(seed)
    picked = np.sort(rng.permutation(len(rows))[:limit])
    y = _labels(target[picked], task)
    if y is None:
        return None
    best: Shallow | None = None
    # One thread: beside a training, more of them wait for each other and take ten times as long.
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        some = rows if len(picked) == len(rows) else rows.take(picked)
        features = summary(some.X, ids)
        kin, constant = kinship(some.X), constant_answer(some, task)
        folds = _folds(some, y, task, seed, kin)
        for name, make in _models(task, seed, features, y) if features.shape[1] else ():
            score, error = _cross_validate(make, features, y, task, folds)
            found = Shallow(epoch, score, error, constant, name)
            if best is None or found.score > best.score:
                best, made = found, make
        if best is not None and validation is not None and task in CLASSIFICATION:
            best = replace(best, held=_on_validation(made, features, y, target[picked], validation, ids, limit))
        if best is not None and (some.groups is not None or some.order is not None):
            blind = replace(some, groups=None, order=None)
            mixed = _cross_validate(made, features, y, task, _folds(blind, y, task, seed, None))[0]
            best = replace(best, mixed=mixed) if some.order is None else replace(best, shuffled=mixed)
    return best


def _shallow_heads(rows: Rows, heads: Sequence[Head], ids: bool = False, epoch: int = 0) -> Shallow | None:
    """Return what shallow models, one for every output, reach together; None where one of them cannot be had.

    Args:
        rows: Training rows; labels of every output.
        heads: The outputs.
        ids: True where the input values are ids.
        epoch: After how many epochs of the network this is measured.
    """
    labels = parts(rows.y, [head.name for head in heads]) or []
    found = [
        shallow_baseline(Rows(rows.X, y, groups=rows.groups, order=rows.order), head.task, ids, epoch, limit=HEAD_ROWS)
        for head, y in zip(heads, labels, strict=False)
    ]
    known = [part for part in found if part is not None and part.constant < 1]
    if not known or len(known) < len(heads):
        return None
    way = [max(0.0, part.score - part.constant) / (1 - part.constant) for part in known]
    error = [part.error / (1 - part.constant) for part in known]
    whole = math.sqrt(sum(part * part for part in error)) / len(error)
    return Shallow(epoch, float(np.mean(way)), whole, 0.0, "a shallow model for every output")


def _copies_its_input(rows: Rows, target: Array) -> bool:
    """Say whether the target is an input: to hand that on is no skill, and no yardstick for an autoencoder."""
    sizes = [part for part in arrays.leaves(rows.X) if np.size(part[:1]) == np.size(target[:1]) > 1]
    return any(np.array_equal(np.ravel(part[:100]), np.ravel(target[:100])) for part in sizes)


def _on_validation(
    make: Any, features: Array, y: Array, target: Array, validation: Rows, ids: bool, limit: int
) -> float | None:
    """Return what a model of the training rows scores on validation rows; None where these know other classes."""
    names = np.unique(class_ids(target))
    held = validation.take(arrays.spread(len(validation), limit))
    truth = class_ids(held.target)
    if not set(np.unique(truth)) <= set(names) or len(truth) != len(held):
        return None
    answers = make().fit(features, y).predict(summary(held.X, ids))
    return float(np.mean([np.mean(names[answers[truth == c]] == c) for c in np.unique(truth)]))


def summary(X: Any, ids: bool = False) -> Array:
    """Return a table of at most a few hundred columns: the columns themselves, or features of signals and images.

    Args:
        X: Nest of arrays of shape (n, ...).
        ids: True where values are ids: they are counted, not measured.
    """
    parts = [np.asarray(part) for part in arrays.leaves(X)]
    tables = [word_counts(p) if is_text(p) else _columns(p, ids) for p in parts]
    return np.nan_to_num(np.concatenate(tables, axis=1), posinf=1e30, neginf=-1e30)


def _columns(part: Array, ids: bool) -> Array:
    n = len(part)
    flat = part.reshape(n, -1)
    if ids:
        counts = np.zeros((n, 512), dtype="float32")
        for column in np.nan_to_num(flat.T).astype("int64") % 512:
            counts[np.arange(n), column] += 1
        return counts
    if flat.shape[1] <= COLUMNS:
        return flat.astype("float32", copy=False)
    rows = max(1, BLOCK // flat.shape[1])
    return np.concatenate([_features(_smaller(part[i : i + rows])) for i in range(0, n, rows)])


def _smaller(part: Array) -> Array:
    """Return pictures, or volumes, with half as many pixels along every axis until a row has few values enough."""
    inside = range(1, part.ndim - 1)
    part = part.astype("float32", copy=False)
    while len(inside) > 1 and np.prod(part.shape[1:]) > VALUES:
        for axis in (axis for axis in inside if part.shape[axis] > 1):
            along = np.moveaxis(part, axis, 0)
            pairs = len(along) // 2 * 2
            part = np.moveaxis((along[:pairs:2] + along[1:pairs:2]) * np.float32(0.5), 0, axis)
    return part


def _features(part: Array) -> Array:
    """Return quantiles and moments of every row, of its steps, and means of its places."""
    flat = part.reshape(len(part), -1)
    quantiles = np.quantile(flat, [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0], axis=1).T
    steps = np.abs(np.diff(flat, axis=1))
    moments = np.stack([flat.mean(1), flat.std(1), steps.mean(1), steps.std(1), steps.max(1)], axis=1)
    return np.concatenate([quantiles, moments, *_places(part)], axis=1)


def _places(part: Array) -> list[Array]:
    """Return the means of about 256 places of every row; of every channel mean, spread and steps along every axis.

    A colour that tells the class is lost where channels are mixed, and the direction of stripes where axes are.
    """
    axes = part.ndim - 2
    if axes < 1 or part.shape[-1] > CHANNELS:
        return [_pooled(part.reshape(len(part), -1), 1, PLACES)]
    inside = tuple(range(1, axes + 1))
    pooled, left = part, PLACES / part.shape[-1]
    for done, axis in enumerate(sorted(inside, key=lambda axis: part.shape[axis])):  # What a short axis leaves is used.
        count = min(part.shape[axis], max(1, math.floor(left ** (1 / (axes - done)) + 1e-9)))
        pooled, left = _pooled(pooled, axis, count), left / count
    found = [pooled.reshape(len(part), -1), part.mean(axis=inside), part.std(axis=inside)]
    for steps in (np.abs(np.diff(part, axis=axis)) for axis in inside if part.shape[axis] > 1):
        found += [steps.mean(axis=inside), steps.std(axis=inside)]
    return found


def _pooled(values: Array, axis: int, count: int) -> Array:
    """Return the means of so many equal stretches along an axis."""
    edges = np.linspace(0, values.shape[axis], min(count, values.shape[axis]) + 1).astype("int64")
    shape = [-1 if place == axis else 1 for place in range(values.ndim)]
    return np.add.reduceat(values, edges[:-1], axis=axis) / np.diff(edges).reshape(shape).astype("float32")


def _labels(target: Array, task: Task) -> Array | None:
    if task in CLASSIFICATION:
        ids = class_ids(target)
        found, labels = np.unique(ids, return_inverse=True)
        enough = 2 <= len(found) <= len(target) / LEAST_ROWS_A_CLASS
        return labels if len(ids) == len(target) and enough else None
    flat = target.reshape(len(target), -1)
    if not np.all(np.isfinite(flat)) or flat.shape[1] > 64:
        return None
    if task == "multilabel":
        return (flat > 0.5).astype("int64")
    values = flat.astype("float64")
    return values if np.ptp(values) > 0 and np.abs(values).max() < 1e30 else None


def _models(task: Task, seed: int, X: Array, y: Array) -> list[tuple[str, Any]]:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    trees: dict[str, Any] = {"n_estimators": TREES, "min_samples_leaf": 2, "random_state": seed}
    if task == "regression":
        trees |= {"n_estimators": TREES // 2, "max_features": min(X.shape[1], TREE_COLUMNS)}
        return [
            ("a forest of trees", lambda: ExtraTreesRegressor(**trees)),
            ("a linear model", lambda: make_pipeline(StandardScaler(), Ridge(1.0))),
        ]
    forest = ("a forest of trees", lambda: ExtraTreesClassifier(**trees, class_weight="balanced"))
    if task == "multilabel" or X.size * (int(y.max()) + 1) > LINEAR_VALUES:
        return [forest]
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=50, class_weight="balanced"))
    return [forest, ("a linear model", lambda: linear)]


def _folds(rows: Rows, y: Array, task: Task, seed: int, kin: Kinship | None) -> list[tuple[Array, Array]]:
    """Return places to train on and to judge on: groups, copies and windows that overlap stay apart."""
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit

    X, when = np.zeros(len(y)), in_time(rows, kin)
    if when is not None:
        order = np.argsort(when, kind="stable")
        place = None if kin is None else kin.positions
        maker = KFold(FOLDS) if rows.order is None else TimeSeriesSplit(FOLDS)
        parts = [(order[train], order[test]) for train, test in maker.split(X)]
        if place is None or kin is None:
            return parts
        far = [(place[a] + kin.span <= place[b].min()) | (place[a] >= place[b].max() + kin.span) for a, b in parts]
        return [(a[kept], b) for (a, b), kept in zip(parts, far, strict=True) if kept.any()]
    classes = task in CLASSIFICATION and np.unique(y, return_counts=True)[1].min() >= FOLDS
    groups = rows.groups if kin is None else kin.with_groups(rows.groups)
    if groups is not None and len(np.unique(groups)) >= FOLDS:
        mixed = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed) if kin and classes else GroupKFold(FOLDS)
        return list(mixed.split(X, y if y.ndim == 1 else X, groups))
    if classes:
        return list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(X, y))
    return list(KFold(FOLDS, shuffle=True, random_state=seed).split(X))


def _cross_validate(
    make: Any, X: Array, y: Array, task: Task, parts: Sequence[tuple[Array, Array]]
) -> tuple[float, float]:
    """Return the score on rows that were not trained on, and its standard error."""
    score = None if task in CLASSIFICATION else scorer_for(task, y)
    answers, scores = np.zeros_like(y), []
    for train, test in parts:
        labels = y[train].ravel() if y.ndim > 1 and y.shape[1] == 1 else y[train]
        if task in CLASSIFICATION and len(np.unique(labels)) < 2:
            answer = np.full(len(test), labels[0])  # All rows of a rare class, or of its groups, are on the other side.
        else:
            answer = make().fit(X[train], labels).predict(X[test])
        answers[test] = np.asarray(answer).reshape(y[test].shape)
        if score is not None:
            scores.append(score(y[test], answers[test]))
    if scores:
        return float(np.mean(scores)), float(np.std(scores) / np.sqrt(len(scores)))
    # A fold may lack a rare class, and would score too well: the answers of all folds are judged together.
    judged = np.unique(np.concatenate([test for _, test in parts]))
    truth, told = y[judged], np.eye(int(y.max()) + 1)[answers[judged]]
    share, support = np.array(list(recalls(truth, told).values())), np.unique(truth, return_counts=True)[1]
    return float(share.mean()), float(np.sqrt((share * (1 - share) / support).sum()) / len(share))
