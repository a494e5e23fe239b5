"""Every usual dose of every remedy on many kinds of input: does the patch train what remedy trained?

    python benchmarks/patches.py                        # programs of every kind of input: over an hour on one core
    python benchmarks/patches.py --kinds series photos
    python benchmarks/patches.py --corpus DIR --json    # programs of a folder: their own source and settings

The patch is pasted behind a program's own source and runs in a process that never imports remedy. Its model and that of
the treated recipe, which the search trains, are scored on the same rows in the user's own units. Where they lie further
apart than 0.1, both are trained from more seeds: the median of the patch has to lie within the range of the recipe's
scores, or nearer to it than 0.1.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
from patch_programs import SOURCES

NEAR = 0.1
SEEDS = 5

FROM_FOLDER = """
import sys
from pathlib import Path
sys.path[:0] = [CORPUS, str(Path(CORPUS).parent / "corpus")]
import importlib.util
import keras
import numpy as np
spec = importlib.util.spec_from_file_location("case", CASE)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
keras.utils.set_random_seed(SEED)
data, program = module.CASE.data(0), module.CASE.faulty()
model, X, y, fit = program.model, data.X, data.y, dict(program.fit)
fit["epochs"] = min(fit.get("epochs", 1), 6)
"""


def sources(folder: str | None, wanted: list[str] | None) -> dict[str, str]:
    """Return the programs by name, as source."""
    found = SOURCES
    if folder is not None:
        cases = sorted(Path(folder).resolve().glob("cases/[!_]*.py"))
        root = str(Path(folder).resolve())
        found = {c.stem: FROM_FOLDER.replace("CORPUS", repr(root)).replace("CASE)", f"{str(c)!r})") for c in cases}
    return {name: text for name, text in found.items() if not wanted or name in wanted}


def worth(task: str, y: Any, answers: Any, logits: bool) -> float:
    """Return balanced accuracy, macro F1 or R^2 of answers in the user's own units, without remedy."""
    y, answers = (next(iter(nest.values())) if isinstance(nest, dict) else nest for nest in (y, answers))
    y, answers = np.asarray(y), np.nan_to_num(np.asarray(answers, dtype="float64"))
    middle = 0.0 if logits else 0.5
    if task == "regression":
        y, answers = y.reshape(len(y), -1), answers.reshape(len(y), -1)
        return float(np.clip(1 - ((y - answers) ** 2).sum() / max(((y - y.mean(0)) ** 2).sum(), 1e-12), -1, 1))
    if task == "multilabel":
        truth, guess = y > 0.5, answers > middle
        hit, wrong = (truth & guess).sum(0), (truth ^ guess).sum(0)
        return float(np.mean(2 * hit / np.maximum(2 * hit + wrong, 1)))
    ids = y.argmax(-1) if y.ndim > 1 and y.shape == answers.shape else y
    flat = ids.reshape(-1)
    if flat.min() < 0:
        flat = (flat > 0).astype(int)
    one = answers.shape[-1] == 1 or answers.ndim == 1
    guess = (answers.reshape(-1) > middle).astype(int) if one else answers.argmax(-1).reshape(-1)
    return float(np.mean([np.mean(guess[flat == c] == c) for c in np.unique(flat)]))


def started(source: str, seed: int) -> dict[str, Any]:
    """Run a program's source and return its names."""
    space: dict[str, Any] = {"__name__": "__main__", "SEED": seed}
    exec(compile(source.replace("SEED", str(seed)), "program", "exec"), space)
    return space


def rows_of(space: dict[str, Any]) -> tuple[Any, Any]:
    """Return a program's rows; a stream's as arrays."""
    import keras

    if space["y"] is not None:
        return space["X"], space["y"]
    stream = space["X"]
    batches = [stream[i] for i in range(len(stream))] if hasattr(stream, "__getitem__") else list(stream)
    parts = [tuple(batch)[:2] for batch in batches]
    return keras.tree.map_structure(lambda *found: np.concatenate([np.asarray(f) for f in found]), *parts)


def doses(source: str) -> list[dict[str, Any]]:
    """Return every remedy and dose that a program can take, with its patch: ``remedy, dose, patch, task, logits``."""
    from remedy.data.fit_call import read_fit_call
    from remedy.prescription import Prescription
    from remedy.recipe.patch import read_names
    from remedy.recording import recipe_of_call
    from remedy.registry import remedies
    from remedy.repair.handover import as_lines
    from remedy.search.candidates import applies

    space = started(source, 0)
    call = read_fit_call(space["model"], space["X"], space["y"], space["fit"])
    recipe, data, known = recipe_of_call(space["model"], call), call.dataset, remedies()
    if data is None or recipe is None:
        return []
    space["read"] = read_names
    exec("names = read(model, X, y, fit)", space)
    able = [r for r in known if not (r.surgery and recipe.architecture.opaque)]
    found = []
    for remedy, dose in ((r, dict(dose)) for r in able for dose in r.usual_doses(recipe, data)):
        if applies(remedy, dose, recipe, data):
            prescription = Prescription(((remedy.name, dose),))
            logits = prescription.apply(recipe, data, known).from_logits
            lines = as_lines(prescription, recipe, data, known, space["names"])[0]
            found.append({"remedy": remedy.name, "dose": dose, "patch": lines, "task": data.task, "logits": logits})
    return found


def by_recipe(source: str, cell: dict[str, Any], seed: int) -> float:
    """Train as the search does, and score what would be handed over."""
    from remedy.data.fit_call import read_fit_call
    from remedy.prescription import Prescription
    from remedy.recipe.own_callbacks import make_callbacks
    from remedy.recipe.threshold import move_threshold
    from remedy.recording import recipe_of_call
    from remedy.registry import remedies
    from remedy.training.fit_recipe import fit_recipe

    space = started(source, 0)
    call = read_fit_call(space["model"], space["X"], space["y"], space["fit"])
    recipe = recipe_of_call(space["model"], call)
    assert recipe is not None
    data = call.dataset
    assert data is not None
    recipe = Prescription(((cell["remedy"], cell["dose"]),)).apply(recipe, data, remedies())
    model = recipe.build(data, seed)
    own = make_callbacks(recipe.callbacks)
    held = None if data.validation is None else recipe.coded(data.validation)
    fit_recipe(model, recipe, data, seed, 0, recipe.epochs, own, None, held)
    if recipe.threshold == "moved":
        move_threshold(model, recipe, recipe.coded(data.validation or data.train))
    from remedy.recipe.delivery import deliver

    X, y = rows_of(started(source, seed))
    return worth(cell["task"], y, deliver(recipe, model).predict(X, verbose=0), cell["logits"])


def by_patch(source: str, cell: dict[str, Any], seed: int) -> float:
    """Run the patch behind the program's own source and score its model."""
    space = started(source, seed)
    exec(compile(cell["patch"], "patch", "exec"), space)
    X, y = rows_of(started(source, seed))
    return worth(cell["task"], y, space["model"].predict(X, verbose=0), cell["logits"])


def trained(source: str, cells: list[dict[str, Any]], seeds: range, side: str) -> list[list[Any]]:
    """Train every cell from these seeds in a process of its own; a text in the place of a score says what broke."""
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "asked.json"
        asked.write_text(json.dumps({"source": source, "cells": cells, "seeds": list(seeds), "side": side}))
        done = subprocess.run(
            [sys.executable, __file__, "--asked", str(asked)], capture_output=True, text=True, check=False
        )
    told = [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode:
        told += [[f"process died: {done.stderr.strip()[-300:]}"]] * (len(cells) - len(told))
    return told


def answer(path: str) -> None:
    """Train what is asked in a file, a line a cell."""
    import keras

    warnings.simplefilter("ignore")
    asked = json.loads(Path(path).read_text())
    if asked["side"] == "doses":
        print("RESULT " + json.dumps(doses(asked["source"])), flush=True)
        return
    train = by_patch if asked["side"] == "patch" else by_recipe
    for cell in asked["cells"]:
        scores: list[Any] = []
        for seed in asked["seeds"]:
            try:
                scores.append(train(asked["source"], cell, seed))
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                scores.append(f"{type(error).__name__}: {str(error)[:200]} (line {place.lineno} of {place.filename})")
            keras.backend.clear_session()
        print("RESULT " + json.dumps(scores), flush=True)
    assert asked["side"] != "patch" or "remedy" not in sys.modules, "a patch needs no remedy"


def agree(ours: list[Any], theirs: list[Any]) -> bool:
    """Say whether the patch scores what the recipe scores."""
    if any(isinstance(score, str) for score in (*ours, *theirs)):
        return False
    middle = statistics.median(theirs)
    return min(ours) - NEAR <= middle <= max(ours) + NEAR


def main() -> None:
    """Compare all cells and say which differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="*", help="names of programs; default: all")
    parser.add_argument("--remedies", nargs="*", help="names of remedies; default: all")
    parser.add_argument("--corpus", help="folder that holds cases/, in the place of the built-in programs")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--asked", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.asked:
        answer(args.asked)
        return
    differs: list[dict[str, Any]] = []
    counts: dict[str, int] = {}
    for kind, source in sources(args.corpus, args.kinds).items():
        found = trained(source, [{}], range(1), "doses")[0]
        if found and isinstance(found[0], str):
            differs.append({"kind": kind, "remedy": "", "ours": [found[0]], "theirs": []})
            continue
        cells = [c for c in found if not args.remedies or c["remedy"] in args.remedies]
        ours = trained(source, cells, range(1), "recipe")
        theirs = trained(source, cells, range(1), "patch")
        apart = [i for i in range(len(cells)) if not agree(ours[i], theirs[i])]
        again = [cells[i] for i in apart if not any(isinstance(s, str) for s in (*ours[i], *theirs[i]))]
        places = [i for i in apart if cells[i] in again]
        for side, scores in (("recipe", ours), ("patch", theirs)):
            more = trained(source, again, range(1, SEEDS), side) if again else []
            for place, found_more in zip(places, more, strict=True):
                scores[place] += found_more
        counts[kind] = len(cells)
        mine = [
            {"kind": kind, "remedy": c["remedy"], "dose": c["dose"], "ours": a, "theirs": b}
            for c, a, b in zip(cells, ours, theirs, strict=True)
            if not agree(a, b)
        ]
        differs += mine
        print(f"{kind:<28}{len(cells):>4} patches, {len(mine)} differ", flush=True)
        for row in mine:
            print(f"    {row['remedy']} {row['dose']}: recipe {row['ours']}, patch {row['theirs']}", flush=True)
    told = {"patches": sum(counts.values()), "kinds": counts, "differ": differs}
    print(json.dumps(told) if args.json else f"{told['patches']} patches, {len(differs)} differ")


if __name__ == "__main__":
    main()
