"""Precision = recall = accuracy, epoch after epoch, as its author wrote it, with ``remedy.fit``.

    python examples/metrics.py                        scikit-learn's digits at 28 x 28, ones against the rest
    python examples/metrics.py --data mnist10k.npz    real MNIST rows
    python examples/metrics.py --full                 all rows that there are

On a two-unit softmax with one-hot labels, `Precision()` and its relatives count both classes: every wrong answer is a
false positive of one class and a false negative of the other, so they are all equal and say nothing. The author
trained with batches of one row, and divided by the maximum over training *and* test set: a number from rows that the
program is to be judged on. Here it is 255 either way; where test rows are larger, they say so before they are seen.
Scale by what the training rows have, or let a layer inside the model do it.
"""

from __future__ import annotations

import time

import numpy as np
from story import options, tell


def build():
    """Return the reported net (LeNet), compiled as reported."""
    import keras
    from keras import layers, metrics

    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(20, activation="relu"),
            layers.Dense(2, activation="softmax"),
        ]
    )
    counted = [metrics.FalseNegatives(), metrics.FalsePositives(), metrics.TrueNegatives(), metrics.TruePositives()]
    model.compile(
        keras.optimizers.Adam(1e-3),
        "categorical_crossentropy",
        metrics=[*counted, metrics.Precision(), metrics.Recall(), "accuracy"],
    )
    return model


def load(data: str | None, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Return maps (n, 28, 28), 0..255, their labels (1 for a one, 23 per cent of the rows) and the source."""
    if data is None:
        from scipy.ndimage import zoom
        from sklearn.datasets import load_digits

        X, digit = load_digits(return_X_y=True)
        X = zoom(X.reshape(-1, 8, 8) * (255 / 16), (1, 3.5, 3.5), order=1)
        source = "scikit-learn's digits, drawn at 28 x 28"
    else:
        with np.load(data) as pack:
            X, digit, source = pack["X"], pack["y"], f"{data.rsplit('/', 1)[-1]} (real digits)"
    rng = np.random.default_rng(seed)
    ones, others = np.flatnonzero(digit == 1), np.flatnonzero(digit != 1)
    rows = min(rows, round(len(ones) / 0.23))
    few = round(0.23 * rows)
    order = rng.permutation(np.concatenate([rng.permutation(ones)[:few], rng.permutation(others)[: rows - few]]))
    return X[order].reshape(-1, 28, 28).astype("float32"), (digit[order] == 1).astype("int64"), source


def main() -> None:
    """Train, be told what the metrics hide, be fixed, and say how much that is worth on the test rows."""
    args = options(__doc__, "an .npz file with X (n, 28, 28), 0..255, and y, digits").parse_args()

    import keras

    import remedy

    rows = 10**9 if args.full else 500 if args.quick else 4900
    X, y, source = load(args.data, rows, args.seed)
    X = X[..., None] / X.max()  # over the test rows, too: the author's slip
    Y = np.eye(2, dtype="float32")[y]
    test = len(X) // 5
    print(f"Data: {source}: {len(X)} maps, {y.mean():.0%} ones")

    keras.utils.set_random_seed(args.seed)
    epochs = args.epochs or 10
    result = remedy.fit(
        build(), X[test:], Y[test:], epochs=epochs, batch_size=1, validation_split=0.2,
        verbose=0 if args.json else 2,
        experiment="metrics", run_name="precision = recall",
        search=remedy.Search(timeout=args.timeout or (25 if args.quick else 120), seed=args.seed),
    )  # fmt: skip

    # Of the training alone: what remedy logs and examines around it would only flatter the advice.
    took, after, advised = sum(result.evidence.seconds or ()), None, None
    print("The author's metrics:", ", ".join(f"{k} {v[-1]:.4f}" for k, v in result.history.history.items()))
    if result.advice:  # It learned all the same: the same program with the lines that remedy names.
        # Half the epochs are enough, which F1 by class shows and the author's metrics could not; few rows need all.
        enough = epochs if args.quick else max(1, epochs // 2)
        fit = {"epochs": enough, "batch_size": 1, "validation_split": 0.2, "verbose": 0}
        names = {"keras": keras, "np": np, "model": build(), "X_train": X[test:], "y_train": Y[test:], "fit": fit}
        exec(result.advice, names)
        began = time.perf_counter()
        after, shown = names["model"], names["model"].fit(X[test:], Y[test:], **fit)
        advised = round(time.perf_counter() - began, 1)
        print(f"With the advice, in {advised} s for {took:.1f} s:")
        print(", ".join(f"{k} {v[-1]:.4f}" for k, v in shown.history.items()))
    tell(args, result, X[:test], Y[:test], after, data=source, author_seconds=round(took, 1), advised_seconds=advised)


if __name__ == "__main__":
    main()
