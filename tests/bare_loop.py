"""A training loop without Keras: a net of one hidden layer in NumPy, as PyTorch users write it, logged with bare MLflow."""

from __future__ import annotations

import numpy as np

ROWS, HELD, CLASSES, COLUMNS, HIDDEN = 1600, 400, 5, 20, 16


def trained(rate=0.05, batch=32, epochs=12, seed=0, frozen=False, regression=False):
    """Train and return the loss of every step, and per epoch the training loss and validation loss and accuracy.

    A frozen net is the usual mistake: its parameters were not given to the optimizer.
    """
    rng = np.random.default_rng(seed)
    if regression:
        X = rng.standard_normal((ROWS + HELD, COLUMNS))
        y = X @ rng.standard_normal(COLUMNS) / np.sqrt(COLUMNS) + 0.3 * rng.standard_normal(len(X))
    else:
        y = rng.integers(CLASSES, size=ROWS + HELD)
        X = 1.2 * rng.standard_normal((CLASSES, COLUMNS))[y] + rng.standard_normal((ROWS + HELD, COLUMNS))
    first = rng.standard_normal((COLUMNS, HIDDEN)) * np.sqrt(2 / COLUMNS)
    second = rng.standard_normal((HIDDEN, 1 if regression else CLASSES)) / np.sqrt(HIDDEN)

    def judged(rows, target):
        hidden = np.maximum(rows @ first, 0)
        out = hidden @ second
        if regression:
            wrong = out - target[:, None]
            return hidden, 2 * wrong / len(rows), float(np.mean(wrong**2)), 0.0
        chances = np.exp(out - out.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        own = chances[np.arange(len(rows)), target]
        wrong = (chances - np.eye(CLASSES)[target]) / len(rows)
        return hidden, wrong, float(-np.log(own + 1e-12).mean()), float(np.mean(chances.argmax(1) == target))

    steps, per_epoch = [], []
    with np.errstate(all="ignore"):
        for _ in range(epochs):
            costs = []
            for rows in np.split(rng.permutation(ROWS), range(batch, ROWS, batch)):
                hidden, wrong, cost, _ = judged(X[rows], y[rows])
                costs.append(cost)
                if not frozen:
                    back = wrong @ second.T * (hidden > 0)
                    second -= rate * hidden.T @ wrong
                    first -= rate * X[rows].T @ back
            *_, held_cost, accuracy = judged(X[ROWS:], y[ROWS:])
            steps += costs
            per_epoch.append((np.mean(costs), held_cost, accuracy))
    return np.array(steps), np.array(per_epoch)
