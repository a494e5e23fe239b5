"""Photos stuck at 33.33 %, and "the activation argument does not work", with ``remedy.fit`` and ``remedy.compare``.

    python examples/photos.py                            generated textures of 32 x 32 pixels (--quick: 16 x 16)
    python examples/photos.py --data cifar3_jpeg.npz     real photos: JPEG bytes, offsets and classes in one file
    python examples/photos.py --full                     the author's 256 x 256 pixels and filters; for a GPU

The author's first net answered one class, whatever the optimizer and its rate. A second one, with `Activation` layers
where the first has `activation=`, learned, and the author took the argument for broken. The two spellings are one
function. The second net also has a block and a dense layer less, which its author did not notice: with pixels between 0
and 1 and a rate of 0.003 the first is stuck, the second learns. With raw pixels, 0 to 255, and larger rates both die.
"""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
from story import options, tell


def build(size: int, shrink: int, rate: float = 0.02):
    """Return the net that is stuck; ``shrink`` divides the widths of its layers. Its author tried rates by hand."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((size, size, 3))])
    for filters in (32, 64, 128):
        model.add(layers.Conv2D(filters // shrink, 3, activation="relu", padding="same"))
        model.add(layers.Conv2D(filters // shrink, 3, activation="relu", padding="same"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


def build_other(size: int, shrink: int, rate: float):
    """Return the author's second net, the one that learned."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((size, size, 3))])
    for filters in (32, 64):
        for _ in range(2):
            model.add(layers.Conv2D(filters // shrink, 3, padding="same"))
            model.add(layers.Activation("relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(128))
    model.add(layers.Activation("relu"))
    model.add(layers.Dense(3))
    model.add(layers.Activation("softmax"))
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


def load(data: str | None, photos: int, size: int, seed: int):
    """Return X, y, X_test, y_test in random order and where they are from; pixels are 0..255."""
    if data is None:
        from textures import paint

        X, y = paint(photos + photos // 4, size, seed)
        return X[:photos], y[:photos], X[photos:], y[photos:], "GENERATED textures (no photos)"
    from PIL import Image

    def part(name: str) -> tuple[np.ndarray, np.ndarray]:
        raw, at = pack[f"jpeg_{name}"].tobytes(), pack[f"offset_{name}"]
        pictures = [np.asarray(Image.open(io.BytesIO(raw[a:b])).convert("RGB")) for a, b in pairwise(at)]
        order = np.random.default_rng(seed).permutation(len(pictures))
        return np.stack(pictures)[order].astype("float32"), pack[f"y_{name}"].astype("int64")[order]

    with np.load(data) as pack:
        return *part("train"), *part("test"), f"{data.rsplit('/', 1)[-1]} (real photos)"


def main() -> None:
    """Train, be caught, be fixed; then say what the author's two nets differ in, and which difference it was."""
    parser = options(__doc__, "an .npz file of JPEG bytes: jpeg_train, offset_train, y_train, and the same for test")
    args = parser.parse_args()

    import keras

    import remedy

    size = 256 if args.full else 16 if args.quick else 32
    photos = 13_000 if args.full else 900 if args.quick else 3000
    X, y, X_test, y_test, source = load(args.data, photos, size, args.seed)
    print(f"Data: {source}: {len(X)} photos of {X.shape[1]} x {X.shape[2]} pixels, classes {np.bincount(y).tolist()}")
    Y, Y_test = np.eye(3, dtype="float32")[y], np.eye(3, dtype="float32")[y_test]
    shrink = 1 if args.full else 4 if args.quick else 2

    keras.utils.set_random_seed(args.seed)
    result = remedy.fit(
        build(X.shape[1], shrink), X, Y,
        epochs=args.epochs or (50 if args.full else 12 if args.quick else 20), batch_size=32,
        validation_split=0.1 if args.full else 0.2, verbose=0 if args.json else 2,
        experiment="photos", run_name="activation as an argument",
        search=remedy.Search(timeout=args.timeout or (60 if args.quick else 235), seed=args.seed),
    )  # fmt: skip

    said = {}
    if not args.quick:
        nets = build(X.shape[1], shrink, 0.003), build_other(X.shape[1], shrink, 0.003)
        comparison = remedy.compare(*nets, X[:2000] / 255, Y[:2000], train=True, epochs=4)
        print(comparison)
        said["comparison"] = str(comparison)
    tell(args, result, X_test, Y_test, data=source, **said)


if __name__ == "__main__":
    main()
