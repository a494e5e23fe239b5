"""A 3-D network of four inputs whose validation accuracy stays at 0, as its author wrote it, with ``remedy.fit``.

    python examples/volumes.py                             moving digits from scikit-learn, half the pixels
    python examples/volumes.py --data signs6_72x56.npz     real photos of hands, turned into short volumes
    python examples/volumes.py --full                      the author's 64 x 48 pixels; for a GPU

The author saw the training accuracy climb while the validation accuracy stayed at 0 or 11 per cent, and evaluated on
the training rows. `validation_split=0.2` takes the last fifth of the arrays as they lie, and these were stored class by
class: training hardly sees the classes that validation asks for. A helper in `branch` defines a layer that it never
calls.
"""

from __future__ import annotations

import numpy as np
from story import options, tell


def branch(x):
    """Return one input's features, with the author's helper that leaves out its own block."""
    from keras import layers

    def inner(x):  # defined and never called: the block is missing in the net
        x = layers.Conv3D(16, 3, padding="same", activation="relu")(x)
        return layers.BatchNormalization()(x)

    x = layers.Conv3D(8, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling3D(3, 2, padding="same")(x)
    x = layers.BatchNormalization()(x)
    shortcut = layers.Conv3D(16, 1, strides=(2, 2, 1), padding="same")(x)
    x = layers.Conv3D(16, 3, strides=(2, 2, 1), padding="same", activation="relu")(x)
    x = layers.BatchNormalization()(x)
    return layers.Add()([x, shortcut])


def build(height: int, width: int):
    """Return the reported net, compiled as reported."""
    import keras
    from keras import layers

    inputs = [keras.Input((frames, height, width, 1)) for frames in (3, 1, 1, 1)]
    features = [branch(x) for x in inputs]
    x = layers.Concatenate(axis=1)(features)
    x = layers.Conv3D(64, 3, strides=2, padding="same")(x)
    x = layers.AveragePooling3D(3, 2, padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    model = keras.Model(inputs, layers.Dense(6, activation="softmax")(x))
    model.compile(keras.optimizers.Adam(1e-4), "categorical_crossentropy", metrics=["accuracy"])
    return model


def volumes(photos: np.ndarray, seed: int) -> list[np.ndarray]:
    """Turn photos (n, height, width) into volumes of three frames in which the picture moves, and three views of it.

    Returns:
        Four arrays: frames (n, 3, height, width, 1), then edges, local contrast and a blurred view,
        each (n, 1, height, width, 1).
    """
    from scipy.ndimage import gaussian_filter, sobel

    rng = np.random.default_rng(seed)
    photos = photos.astype("float32")
    frames = np.stack([photos] * 3, 1)
    for row, (down, right) in zip(frames, rng.integers(-2, 3, (len(photos), 2)), strict=True):
        for k in (1, 2):
            row[k] = np.roll(row[0], (k * down, k * right), (0, 1))
    blurred = gaussian_filter(photos, (0, 2, 2))
    views = np.hypot(sobel(photos, 1), sobel(photos, 2)), photos - blurred, blurred
    return [frames[..., None], *(view[:, None, :, :, None] for view in views)]


def load(data: str | None, full: bool, quick: bool) -> tuple[np.ndarray, np.ndarray, str]:
    """Return photos (n, height, width), 0..255, and their classes 0..5, sorted by class; and the source."""
    height, width = (64, 48) if full else (16, 12) if quick else (32, 24)
    if data is None:
        from scipy.ndimage import zoom
        from sklearn.datasets import load_digits

        X, y = load_digits(n_class=6, return_X_y=True)
        order = np.argsort(y, kind="stable")[:: 2 if quick else 1]
        photos = zoom(X[order].reshape(-1, 8, 8) * (255 / 16), (1, height / 8, width / 8), order=1)
        return photos, y[order], "scikit-learn's digits 0 to 5, moving"
    with np.load(data) as pack:
        photos, y = pack["X"][:, 4:68, 4:52], pack["y"].astype("int64")
    step = 64 // height
    order = np.argsort(y, kind="stable")
    photos = photos.reshape(-1, height, step, width, step).mean((2, 4))
    return photos[order], y[order], f"{data.rsplit('/', 1)[-1]} (real photos of hands)"


def main() -> None:
    """Train, be caught, be fixed, and say how much that is worth on test rows of all classes."""
    args = options(__doc__, "an .npz file with X (n, 72, 56), grey photos, and y, six classes").parse_args()

    import keras
    from sklearn.model_selection import train_test_split

    import remedy

    photos, y, source = load(args.data, args.full, args.quick)
    height, width = photos.shape[1:]
    print(f"Data: {source}: {len(y)} of {height} x {width} pixels, classes {np.bincount(y).tolist()}")
    X, Y = volumes(photos, args.seed), np.eye(6, dtype="float32")[y]
    train, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=args.seed, stratify=y)
    train.sort()  # class by class, as the author's arrays were

    keras.utils.set_random_seed(args.seed)
    result = remedy.fit(
        build(height, width), [x[train] for x in X], Y[train],
        epochs=args.epochs or (12 if args.quick else 50), batch_size=100, validation_split=0.2,
        verbose=0 if args.json else 2,
        experiment="volumes", run_name="four inputs, sorted arrays",
        search=remedy.Search(timeout=args.timeout or (60 if args.quick else 180), seed=args.seed),
    )  # fmt: skip

    tell(args, result, [x[test] for x in X], Y[test], data=source)


if __name__ == "__main__":
    main()
