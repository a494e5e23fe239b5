"""Memory that `remedy.fit` takes beside large data: arrays in memory, or a memory-mapped file.

    python benchmarks/large.py --rows 1000000 --columns 100 --json
    python benchmarks/large.py --rows 25000000 --columns 100 --memmap --json

The program is stuck because its inputs are unscaled: remedy has to see it, search for at most a minute, and train the
fix on all rows. What is measured is anonymous memory (RssAnon: not the pages of a mapped file), a hundred times a
second, above what it was when the data lay ready; the same program on 20,000 rows shows how much of that is not the
data's: the libraries, the compiled models of a search. Each run has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

FEW = 20_000
CHUNK = 100_000


def anonymous() -> int:
    """Return the resident anonymous memory of this process, bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise SystemExit("This kernel does not tell RssAnon.")


class Peak(threading.Thread):
    """The first and the largest value of `anonymous`, bytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.first = self.most = anonymous()
        self.over = threading.Event()

    def run(self) -> None:
        """Look until it is over."""
        while not self.over.wait(0.01):
            self.most = max(self.most, anonymous())


def data(rows: int, columns: int, folder: Path | None) -> tuple[Any, Any]:
    """Return X, float32 of shape (rows, columns), and binary y; X in a file of ``folder`` where there is one."""
    shape = (rows, columns)
    if folder is None:
        X = np.empty(shape, "float32")
    else:
        X = np.lib.format.open_memmap(folder / "X.npy", mode="w+", dtype="float32", shape=shape)
    y = np.empty(rows, "float32")
    weights = np.random.default_rng(1).standard_normal(columns).astype("float32")
    for start in range(0, rows, CHUNK):
        part = np.random.default_rng((2, start)).standard_normal((min(CHUNK, rows - start), columns), dtype="float32")
        y[start : start + CHUNK] = part @ weights > 0
        part *= 300
        part += 5000
        X[start : start + CHUNK] = part
    if folder is not None:
        X.flush()
        del X
        X = np.load(folder / "X.npy", mmap_mode="r")
    return X, y


def once(rows: int, columns: int, memmap: bool, epochs: int, batch_size: int, timeout: float) -> dict[str, Any]:
    """Train in this process and return what was measured."""
    import keras
    from keras import layers

    import remedy

    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        X, y = data(rows, columns, Path(name) if memmap else None)
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((columns,)), layers.Dense(32, activation="relu"), layers.Dense(1, activation="sigmoid")]
        )
        model.compile(keras.optimizers.SGD(0.01), "binary_crossentropy", metrics=["accuracy"])
        peak, began = Peak(), time.perf_counter()
        peak.start()
        found = remedy.fit(
            model,
            X,
            y,
            epochs=epochs,
            batch_size=batch_size,
            validation_split=0.2,
            search=remedy.Search(timeout=timeout),
            verbose=0,
        )
        seconds = time.perf_counter() - began
        peak.over.set()
        last = X[-FEW:]
        answers = None if found.fix is None else found.fix.model.predict(last, batch_size=1024, verbose=0).ravel()
        os.chdir("/")
        return {
            "rows": rows,
            "columns": columns,
            "memmap": memmap,
            "data_bytes": int(X.nbytes),
            "growth_bytes": peak.most - peak.first,
            "growth_in_data": round((peak.most - peak.first) / X.nbytes, 3),
            "seconds": round(seconds, 1),
            "stuck": found.stuck,
            "fixed": found.fix is not None,
            "prescription": str(found.fix.prescription) if found.fix else None,
            "accuracy_of_the_fix": None if answers is None else float(np.mean((answers > 0.5) == y[-FEW:])),
            "conclusion": found.conclusion,
        }


def main() -> None:
    """Measure many rows and few, each in a process of its own, and print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--memmap", action="store_true", help="keep X in a file, in the folder of TMPDIR")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds of the search")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    options = (args.columns, args.memmap, args.epochs, args.batch_size, args.timeout)
    if args.here:
        print(json.dumps(once(args.rows, *options)))
        return
    results = []
    for rows in (FEW, args.rows):
        command = [sys.executable, __file__, *sys.argv[1:], "--rows", str(rows), "--here"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        results.append(json.loads(done.stdout.splitlines()[-1]))
    few, many = results
    many["growth_beyond_few_rows_in_data"] = round((many["growth_bytes"] - few["growth_bytes"]) / many["data_bytes"], 3)
    if args.json:
        print(json.dumps({"few_rows": few, "all_rows": many}))
        return
    print(f"{many['data_bytes'] / 2**30:.2f} GiB of data, {'mapped' if args.memmap else 'in memory'}")
    print(f"most memory beside it: {many['growth_in_data']:.2f} times the data; on {FEW} rows of the same program")
    print(f"{few['growth_bytes'] / 2**20:.0f} MiB, on all {many['growth_bytes'] / 2**20:.0f} MiB")
    print(f"{many['seconds']} s; stuck: {many['stuck']}; fixed: {many['fixed']} ({many['prescription']})")


if __name__ == "__main__":
    main()
