"""The ECG net whose accuracy would not move, as its author wrote it, with ``remedy.fit`` for ``model.fit``.

    python examples/ecg.py                                  simulated beats, two minutes on two cores
    python examples/ecg.py --data mitbih_30s_90hz.npz       real 30 s windows
    python examples/ecg.py --data physionet                 downloads MIT-BIH with the wfdb package
    python examples/ecg.py --full                           the author's filters; for a GPU

The author saw a constant accuracy on the training and on the validation side while the losses moved; every test
window was called normal. Three classes in shares of 74, 8 and 18 per cent, raw converter units around 950, a learning
rate of 1e-4 that decays at every step (to a fortieth in the 20,000 epochs that were planned; the few here have the same
fall), and four dropouts of 0.6.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
from story import options, tell

BEAT_CLASSES = {"N": 0, "L": 0, "R": 0, "A": 1, "V": 2}


PLANNED_STEPS = 20_000 * 20
"""Of the author, whose rate decays by 1e-4 of its start at every one."""


def build(length: int, filters: tuple[int, int], steps: int = PLANNED_STEPS):
    """Return the reported net, compiled as reported; in so many steps its rate falls as far as in the author's plan."""
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((length, 1))])
    for width in filters:
        model.add(layers.Conv1D(width, 5))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
        model.add(layers.MaxPooling1D(2, 2))
        model.add(layers.Dropout(0.6))
    model.add(layers.GlobalAveragePooling1D())
    for units in (256, 64):
        model.add(layers.Dense(units, activation="relu"))
        model.add(layers.Dropout(0.6))
    model.add(layers.Dense(3, activation="softmax"))
    rate = keras.optimizers.schedules.InverseTimeDecay(1e-4, decay_steps=1, decay_rate=1e-4 * PLANNED_STEPS / steps)
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


def load(data: str | None, quick: bool, full: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Return X (n, length) in raw units, y (n,), subject (n,) and where they are from."""
    if data is None:
        from beats import simulate

        # Six seconds at 36 samples a second: an epoch takes a third of a second on two cores.
        small = {"rate": 36.0, "seconds": 6.0, "windows": 900 if quick else 1400}
        size = {"rate": 360.0, "seconds": 30.0} if full else small
        return *simulate(**size), "SIMULATED beats (no recordings of people)"
    if data == "physionet":
        return *download(360.0 if full else 90.0), "MIT-BIH Arrhythmia Database, from PhysioNet"
    with np.load(data) as pack:
        X = np.cumsum(pack["dX"], axis=1, dtype=np.int16) if "dX" in pack else pack["X"]
        return X, pack["y"].astype("int64"), pack["subject"], f"{Path(data).name} (real recordings)"


def download(rate: float, seconds: float = 30.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fetch MIT-BIH with wfdb and cut windows; a window with an ectopic beat takes its class."""
    try:
        import wfdb
    except ImportError:
        sys.exit("--data physionet needs the wfdb package: pip install 'mlflow-remedy[ecg]'")
    step, X, y, subject = round(360 / rate), [], [], []
    for name in wfdb.get_record_list("mitdb"):
        record = wfdb.rdrecord(name, pn_dir="mitdb", physical=False)
        if "MLII" not in record.sig_name:
            continue
        signal = record.d_signal[:, record.sig_name.index("MLII")]
        beats = wfdb.rdann(name, "atr", pn_dir="mitdb")
        for start in range(0, len(signal) - round(360 * seconds) + 1, round(360 * seconds)):
            inside = (beats.sample >= start) & (beats.sample < start + 360 * seconds)
            kinds = [BEAT_CLASSES.get(s) for s in np.array(beats.symbol)[inside] if s in BEAT_CLASSES]
            if kinds:
                X.append(signal[start : start + round(360 * seconds)].reshape(-1, step).mean(1).astype("int16"))
                y.append(max(kinds, key=lambda k: (kinds.count(k) >= 3 and k > 0, -k)))
                subject.append(int(name))
    return np.stack(X), np.array(y), np.array(subject)


def split(y: np.ndarray, subject: np.ndarray, by_subject: bool, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test rows: a random 70/30 split as reported, or one that keeps subjects apart."""
    from sklearn.model_selection import StratifiedGroupKFold, train_test_split

    rows = np.arange(len(y))
    if by_subject:
        train, test = next(StratifiedGroupKFold(3, shuffle=True, random_state=seed).split(rows, y, subject))
        return np.random.default_rng(seed).permutation(train), test
    return tuple(train_test_split(rows, test_size=0.3, random_state=seed, stratify=y))


def main() -> None:
    """Train, be caught, be fixed, and say how much that is worth on the test rows."""
    parser = options(__doc__, "an .npz file with X (or dX), y and subject; or 'physionet'")
    parser.add_argument("--groups", action="store_true", help="keep every subject on one side of each split")
    args = parser.parse_args()

    import keras

    import remedy

    X, y, subject, source = load(args.data, args.quick, args.full)
    print(f"Data: {source}: {len(X)} windows of {X.shape[1]} samples, classes {np.bincount(y).tolist()}")
    train, test = split(y, subject, args.groups, args.seed)
    X, Y = X[..., None], np.eye(3, dtype="float32")[y]

    keras.utils.set_random_seed(args.seed)
    filters = (128, 256) if args.full else (32, 64) if args.data else (8, 16) if args.quick else (16, 32)
    timeout = args.timeout or (60 if args.quick else 340 if args.data else 95)
    workers: int | str = "auto" if args.data or args.quick else 2  # Of small nets two train at once.
    epochs = args.epochs or (30 if args.quick else 24)
    steps = epochs * math.ceil(0.8 * len(train) / 64)
    result = remedy.fit(
        build(X.shape[1], filters, steps), X[train], Y[train],
        epochs=epochs, batch_size=64, validation_split=0.2,
        verbose=0 if args.json else 2,
        groups=subject[train] if args.groups else None,
        experiment="ecg", run_name="reported net",
        search=remedy.Search(timeout=timeout, seed=args.seed, workers=workers),
    )  # fmt: skip

    tell(args, result, X[test], Y[test], data=source, groups=args.groups)


if __name__ == "__main__":
    main()
