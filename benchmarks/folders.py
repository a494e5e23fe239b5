"""Photos read from folders, a folder a class, with `keras.utils.image_dataset_from_directory`.

    python benchmarks/folders.py repair --data cifar3_jpeg.npz --json     13,000 photos of 256 x 256 pixels
    python benchmarks/folders.py watching --photos 4000 --json
    python benchmarks/folders.py many --photos 100000 --json

``repair``: a net that answers one class is trained on the folders; it has to be caught, searched on a sample and fixed
on the photos of the folders themselves. ``watching``: an epoch of a net that is bound by reading, by ``Model.fit`` and
by ``remedy.fit(search=False)``, each twice and in a process of its own: seconds, and memory above what there was before
the epoch. ``many``: seconds until the files are listed, and seconds that remedy adds until its sample is drawn.
Without ``--data`` (an .npz file of JPEG bytes, as `examples/photos.py` takes it) the photos are generated textures.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

CLASSES = ("first", "second", "third")
TEST = 600
ROUNDS = 2
MIB = 2**20


def write(folder: Path, photos: int, size: int, data: str | None) -> None:
    """Write JPEG files of so many pixels, the classes in equal shares: ``train`` and ``test``, a folder a class."""
    from photos import load
    from PIL import Image

    known = load(data, min(photos, 1500), 32, 0)[:4]
    for part, X, y, wanted in (("train", *known[:2], photos), ("test", *known[2:], TEST)):
        for name in CLASSES:
            (folder / part / name).mkdir(parents=True)
        draw = np.random.default_rng(0)
        for number in range(wanted):
            row = number % len(X)
            photo = np.clip(X[row] * draw.uniform(0.7, 1.2) + draw.uniform(-20, 20), 0, 255).astype("uint8")
            shift = draw.integers(0, 4, 2) if number >= len(X) else (0, 0)
            photo = photo[shift[0] : len(photo) - 4 + shift[0], shift[1] : len(photo) - 4 + shift[1]]
            path = folder / part / CLASSES[int(y[row])] / f"{number:06d}.jpg"
            Image.fromarray(photo).resize((size, size), Image.Resampling.BILINEAR).save(path, quality=85)


def stream(folder: Path, size: int, part: str = "train", **more: Any) -> Any:
    """Return the dataset that Keras reads from the folders."""
    import keras

    given: dict[str, Any] = {
        "image_size": (size, size),
        "batch_size": 32,
        "label_mode": "categorical",
        "verbose": False,
    }
    return keras.utils.image_dataset_from_directory(str(folder / part), **given, **more)


def net(size: int, rate: float, width: int) -> Any:
    """Return the author's net, narrower and with strides, on raw pixels at a rate that kills it."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((size, size, 3))])
    for filters in (width, 2 * width, 4 * width):
        model.add(layers.Conv2D(filters, 3, activation="relu", padding="same", strides=2))
        model.add(layers.Conv2D(filters, 3, activation="relu", padding="same"))
        model.add(layers.MaxPooling2D())
    for layer in (layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(64, activation="relu")):
        model.add(layer)
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    return model


def repair(folder: Path, size: int, timeout: float) -> dict[str, Any]:
    """Train on the folders, be caught and fixed; score the fix on photos of other folders."""
    from large import Peak

    import remedy

    files = sum(1 for _ in (folder / "train").rglob("*.jpg"))
    split: dict[str, Any] = {"validation_split": 0.1, "seed": 1}
    train, held = (stream(folder, size, subset=subset, **split) for subset in ("training", "validation"))
    model, peak, began = net(size, 0.02, 8), Peak(), time.perf_counter()
    peak.start()
    search = remedy.Search(timeout=timeout)
    result = remedy.fit(model, train, epochs=4, validation_data=held, search=search, verbose=0)
    seconds = time.perf_counter() - began
    peak.over.set()
    told: dict[str, Any] = {
        "photos": files,
        "size": size,
        "seconds": round(seconds, 1),
        "memory_mib": round((peak.most - peak.first) / MIB),
        "stuck": result.stuck,
        "diagnoses": [d.name for d in result.diagnoses],
        "conclusion": result.conclusion,
    }
    if result.fix is not None:
        X, y = (np.concatenate(part) for part in zip(*stream(folder, size, "test").as_numpy_iterator(), strict=True))
        answers = result.fix.model.predict(X, verbose=0).argmax(1)
        told |= {
            "prescription": str(result.fix.prescription),
            "confirmed": result.fix.confirmed,
            "rows_of_the_stream": result.fix.stream_rows,
            "test_accuracy": round(float(np.mean(answers == y.argmax(1))), 3),
        }
    return told


def epoch(folder: Path, size: int, watched: bool) -> dict[str, Any]:
    """Train an epoch of a net that is bound by reading, in this process; return seconds and memory."""
    import keras
    from keras import layers
    from large import Peak

    import remedy

    def model() -> Any:
        stem = [keras.Input((size, size, 3)), layers.AveragePooling2D(16), layers.Flatten()]
        made = keras.Sequential([*stem, layers.Dense(3, "softmax")])
        made.compile(keras.optimizers.Adam(1e-4), "categorical_crossentropy", metrics=["accuracy"])
        return made

    train = stream(folder, size)
    remedy.fit(model(), train.take(2), verbose=0, search=False)  # Libraries, a store and the files' names are there.
    peak, began = Peak(), time.perf_counter()
    peak.start()
    if watched:
        remedy.fit(model(), train, epochs=2, verbose=0, search=False)
    else:
        model().fit(train, epochs=2, verbose=0)
    peak.over.set()
    return {"seconds": time.perf_counter() - began, "memory_mib": (peak.most - peak.first) / MIB}


def many(folder: Path, size: int) -> dict[str, Any]:
    """List many files, then draw a sample of their photos as a watched epoch does; return the seconds of both."""
    from remedy.data.arrival import watched

    began = time.perf_counter()
    source = stream(folder, size)
    listed = time.perf_counter()
    for _ in source:
        pass
    read = time.perf_counter()
    eyed, kept = watched(source, None)
    for _ in eyed:
        pass
    seen = time.perf_counter()
    kept.epoch_over()
    rows = kept.rows()
    done = time.perf_counter()
    return {
        "files": kept.total,
        "listed_s": round(listed - began, 1),
        "read_once_s": round(read - listed, 1),
        "read_and_sampled_s": round(seen - read, 1),
        "sample_ready_s": round(done - seen, 2),
        "sample_rows": len(rows),
        "whole": kept.complete,
    }


def main() -> None:
    """Write the photos and measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("repair", "watching", "many"))
    parser.add_argument("--data", help="an .npz file of JPEG bytes: jpeg_train, offset_train, y_train, and for test")
    parser.add_argument("--photos", type=int, help="how many; 13,000, or 100,000 where many are listed")
    parser.add_argument("--size", type=int, help="pixels of an edge; 256, or 16 where many are listed")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds of the search")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="of photos that are written already")
    parser.add_argument("--epoch", choices=("plain", "watched"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    lot = args.what == "many"
    size = args.size or (16 if lot else 256)
    if args.epoch:
        print(json.dumps(epoch(args.folder, size, args.epoch == "watched")))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = args.folder or Path(name) / "photos"
        if args.folder is None:
            write(folder, args.photos or (100_000 if lot else 13_000), size, args.data)
        os.chdir(name)
        if args.what == "watching":
            told = _compared(folder, size)
        else:
            told = many(folder, size) if lot else repair(folder, size, args.timeout)
    print(json.dumps(told) if args.json else "\n".join(f"{key:<20} {value}" for key, value in told.items()))


def _compared(folder: Path, size: int) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {"plain": [], "watched": []}
    for _ in range(ROUNDS):
        for way, runs in found.items():
            command = [sys.executable, __file__, "watching", "--size", str(size), "--epoch", way]
            done = subprocess.run([*command, "--folder", str(folder)], capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(done.stderr[-3000:])
            runs.append(json.loads(done.stdout.splitlines()[-1]))
    ratios = [b["seconds"] / a["seconds"] for a, b in zip(*found.values(), strict=True)]
    told: dict[str, Any] = {"time_ratio": [round(ratio, 3) for ratio in ratios]}
    for way, runs in found.items():
        told |= {f"{way}_{key}": [round(run[key], 1) for run in runs] for key in ("seconds", "memory_mib")}
    return told


if __name__ == "__main__":
    main()
