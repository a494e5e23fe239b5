"""The patch of a fix runs as it stands in the user's own script, and trains what the fix is."""

import subprocess
import sys
import textwrap
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

import remedy
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.prescription import Prescription, patch
from remedy.recipe.patch import Names, in_script, read_names, script
from remedy.recipe.recipe import Recipe
from remedy.registry import remedies

from .conftest import blobs, dense, stuck_run_of

PROGRAM = """
import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
labels = rng.choice(3, size=500, p=[0.8, 0.12, 0.08])
table = (500 + 100 * (rng.normal(size=(500, 8)) + 2 * np.eye(8)[labels])).astype("float32")
new = rng.choice(3, size=600)
unseen = (500 + 100 * (rng.normal(size=(600, 8)) + 2 * np.eye(8)[new])).astype("float32")
net = keras.Sequential([keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(3, activation="softmax")])
net.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])
"""


def score(answers, y):
    found = answers.argmax(1)
    return np.mean([np.mean(found[y == c] == c) for c in np.unique(y)])


def test_the_patch_of_a_fix_is_pasted_into_the_script_and_reaches_what_the_fix_reaches(store):
    names = {}
    call = """
import remedy
result = remedy.fit(net, table, labels, epochs=12, batch_size=32, validation_split=0.2, verbose=0,
                    search=remedy.Search(trials=5, timeout=40))
"""
    exec(PROGRAM + call, names)
    fix = names["result"].fix
    assert "model = net" in fix.patch
    assert "table" in fix.patch
    tail = textwrap.dedent("""
    found = net.predict(unseen, verbose=0).argmax(1)
    print("SCORE", np.mean([np.mean(found[new == c] == c) for c in range(3)]))
    """)
    pasted = store / "pasted.py"
    pasted.write_text(PROGRAM + fix.patch + "\n" + tail)
    done = subprocess.run([sys.executable, str(pasted)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-1500:]
    theirs = float(done.stdout.split("SCORE")[1])
    ours = score(fix.model.predict(names["unseen"], verbose=0), names["new"])
    assert theirs > ours - 0.1
    space = {}
    exec(fix.script, space)
    again = {}
    exec(PROGRAM, again)
    model = space["fixed"](again["net"], again["table"], again["labels"])
    assert score(model.predict(again["unseen"], verbose=0), again["new"]) > ours - 0.1


def _every_surgery():
    return [r for r in remedies() if r.surgery or r.name == "fix-head"]


def _nested():
    inner = keras.Sequential(
        [keras.Input((6,)), layers.Dense(12, activation="relu"), layers.Dense(12, activation="relu")]
    )
    rows = keras.Input((6,))
    x = layers.Lambda(lambda t: t * 1.0)(inner(rows))
    model = keras.Model(rows, layers.Dense(3, activation="softmax")(layers.Dropout(0.6)(x)))
    model.compile("adam", "categorical_crossentropy")
    return model


@pytest.mark.parametrize("remedy_", _every_surgery(), ids=lambda r: r.name)
def test_surgery_finds_its_layers_whatever_keras_calls_them_and_never_does_nothing(remedy_):
    X, y = blobs(rows=120)
    for make in (lambda: dense(widths=(12, 12), dropout=0.6), _nested):
        recipe, data = stuck_run_of(make(), X, y)
        doses = [dose for dose in remedy_.usual_doses(recipe, data) if _applies(remedy_, dose, recipe, data)]
        for dose in doses[:1]:
            lines = patch(Prescription(((remedy_.name, dose),)), recipe, data, [remedy_])
            names = {"keras": keras, "np": np, "model": make(), "X_train": X, "y_train": y, "fit": {"epochs": 1}}
            names["model"].build((None, 6))
            exec(lines, names)
            names["model"].predict(X[:4], verbose=0)


def _applies(remedy_, dose, recipe, data):
    from remedy.search.candidates import applies

    return applies(remedy_, dose, recipe, data)


def test_a_patch_for_another_model_says_so():
    X, y = blobs(rows=120)
    recipe, data = stuck_run_of(dense(widths=(12, 12)), X, y)
    chosen = next(r for r in remedies() if r.name == "swap-activation")
    lines = patch(Prescription((("swap-activation", {"kind": "elu"}),)), recipe, data, [chosen])
    with pytest.raises(AssertionError, match="written for a model"):
        exec(lines, {"keras": keras, "np": np, "model": dense(widths=(4,)), "X_train": X, "y_train": y, "fit": {}})


def test_a_scaled_target_comes_back_in_the_users_units_inside_the_model(store):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((300, 4)).astype("float32")
    price = (30_000 + 9_000 * rows[:, 0]).astype("float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    recipe = Recipe.from_model(model, {"epochs": 60, "batch_size": 32})
    data = Dataset(Rows(rows, price), None, "regression")
    from remedy.prescription import after_fit

    program = (Prescription((("scale-targets", {}),)), recipe, data, remedies())
    lines = in_script(
        patch(*program), after_fit(*program), Names("model", "rows", "price", {"epochs": "60", "verbose": "0"}), {}
    )
    names = {"model": model, "rows": rows, "price": price}
    exec(lines, names)
    answers = names["model"].predict(rows, verbose=0)[:, 0]
    assert 1 - ((answers - price) ** 2).mean() / price.var() > 0.9
    assert "mae" in names["model"].evaluate(rows, price, verbose=0, return_dict=True)


def test_what_the_script_calls_things_is_read_from_the_calling_frame():
    my_net, my_rows, my_labels = object(), np.zeros(3), np.zeros(3)
    my_weights = np.ones(3)
    found = read_names(
        my_net, my_rows, my_labels, {"epochs": 3, "sample_weight": my_weights, "callbacks": [object()], "verbose": 0}
    )
    assert (found.model, found.X, found.y) == ("my_net", "my_rows", "my_labels")
    assert found.fit == {"epochs": "3", "sample_weight": "my_weights"}
    assert found.lost == ("callbacks",)
    unnamed = read_names(my_net, my_rows / 2, my_labels, {"epochs": 3})
    text = in_script("", "", unnamed, {})
    assert "def fixed(model, X, y, **more):" in text
    compile(text, "patch", "exec")


@pytest.mark.parametrize("weighted", [False, True])
def test_groups_stand_on_one_side_of_the_split_in_the_patch_too(weighted):
    table, labels = blobs(rows=120)
    patient, weight = np.repeat(np.arange(12), 10), np.ones(120)
    fit = {"epochs": 1, "validation_split": 0.25, "verbose": 0} | ({"sample_weight": weight} if weighted else {})
    net, seen = dense(), {}

    class Seen(keras.Model):
        def fit(self, X, y, **given):
            seen.update(given, X=X)

    lines = in_script("model.__class__ = Seen", "", read_names(net, table, labels, fit, patient), {})
    exec(lines, {"net": net, "table": table, "labels": labels, "patient": patient, "weight": weight, "Seen": Seen})
    held = seen["validation_data"]
    assert len(held) == 2 + weighted
    whose = [{int(patient[np.flatnonzero((table == row).all(1))[0]]) for row in side} for side in (seen["X"], held[0])]
    assert len(whose[1]) == 3
    assert whose[0] | whose[1] == set(range(12))
    assert not whose[0] & whose[1]
    assert ("sample_weight" in seen) == weighted
    unnamed = in_script("", "", read_names(net, table, labels, fit, list(patient)), {})
    assert "# groups: give validation_data=" in unnamed


@pytest.mark.parametrize("kind", ["tf.data", "PyDataset"])
def test_a_stream_is_turned_into_arrays_by_its_own_name(kind):
    import tensorflow as tf

    X, y = blobs(rows=96)

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return X[32 * i : 32 * i + 32], y[32 * i : 32 * i + 32]

    stream = tf.data.Dataset.from_tensor_slices((X, y)).batch(32) if kind == "tf.data" else Batches()
    model = dense()
    names = read_names(model, stream, None, {"epochs": 2})
    assert names.stream == kind
    space = {"model": model, "stream": stream}
    exec(in_script("", "", names, {}), space)
    assert space["X_train"].shape == (96, 6)
    other = {}
    exec(script("", "", names, {}), other)
    assert other["fixed"](dense(), stream) is not None


def test_a_target_by_name_keeps_its_name_and_both_kinds_of_weights():
    X, y = blobs(rows=60)
    rows = keras.Input((6,))
    model = keras.Model(rows, {"kind": layers.Dense(3, activation="softmax", name="kind")(rows)})
    model.compile("adam", {"kind": "categorical_crossentropy"})
    named = {"kind": y}
    given = {"epochs": 1, "class_weight": {0: 1.0, 1: 2.0, 2: 3.0}, "sample_weight": np.full(60, 0.5)}
    names = read_names(model, X, named, given)
    assert names.nested
    space = {}
    exec(script("", "", names, {}), space)
    seen = {}
    model.fit = lambda X, y, **more: seen.update(more, y=y)
    space["fixed"](model, X, named, sample_weight=np.full(60, 0.5))
    assert set(seen["y"]) == {"kind"}
    assert seen["sample_weight"]["kind"] == pytest.approx(0.5 * (1 + y.argmax(1)))


def test_a_list_of_rows_is_no_target_in_a_nest():
    X, y = blobs(rows=60)
    assert not read_names(dense(), X, list(y), {}).nested
    assert not read_names(dense(), X, [0, 1, 2], {}).nested
    assert not read_names(dense(), X, [1], {}).nested


def test_without_a_script_the_lines_are_a_function():
    text = in_script("fit['epochs'] = 4", "", None, {"epochs": 2, "batch_size": 16})
    space = {}
    exec(text, space)
    X, y = blobs(rows=64)
    assert len(space["fixed"](dense(), X, y).history.epoch) == 4
    assert remedy.__version__


def test_what_stands_in_a_bundle_is_spelled_by_the_bundle():
    my_net, bundle = dense(), SimpleNamespace(rows=blobs()[0])
    pair, fit = (np.ones(3), blobs()[1]), {"epochs": 2, "sample_weight": np.ones(320)}
    names = read_names(my_net, bundle.rows, pair[1], fit)
    assert (names.X, names.y) == ("bundle.rows", "pair[1]")
    assert names.fit == {"epochs": "2", "sample_weight": "fit['sample_weight']"}
    assert names.lost == ()
    lines = in_script("", "", names, {})
    space = {"bundle": bundle, "pair": pair, "fit": dict(fit), "my_net": my_net}
    exec(lines.partition("if not model.built")[0], space)
    np.testing.assert_array_equal(space["fit"]["sample_weight"], fit["sample_weight"])
    assert space["X_train"].shape == bundle.rows.shape


def test_an_archive_that_was_closed_is_no_bundle_and_no_variable_of_the_script_can_break_the_training(
    tmp_path, monkeypatch
):
    np.savez(tmp_path / "rows.npz", X=np.ones(3))
    with np.load(tmp_path / "rows.npz") as data:
        X = data["X"]

    class Shy:
        @property
        def __dict__(self):
            raise RuntimeError("not to be looked at")

    shy, model = Shy(), object()
    assert data is not None
    assert shy is not None
    found = read_names(model, X, X, {})
    assert found is None or (found.model, found.X) == ("model", "X")
    del shy
    found = read_names(model, X, X, {})
    assert (found.model, found.X) == ("model", "X")


@pytest.mark.parametrize("form", ["list of rows", "dict of one", "list of one"])
def test_rows_in_pythons_lists_and_in_a_nest_of_one_are_read_as_keras_reads_them(form):
    table, y = blobs(rows=120)
    X = {"list of rows": table.tolist(), "dict of one": {"a": table}, "list of one": [table]}[form]
    first = keras.Input((6,), name="a")
    answers = layers.Dense(3, activation="softmax")(first)
    model = keras.Model({"a": first} if form == "dict of one" else [first] if form == "list of one" else first, answers)
    model.compile("adam", "categorical_crossentropy")
    rows = table if form == "list of rows" else X
    recipe, data = Recipe.from_model(model, {"epochs": 1}), Dataset(Rows(rows, y), None, "multiclass")
    lines = patch(Prescription((("scale-inputs", {"kind": "standard"}),)), recipe, data, remedies())
    space = {"model": model, "X": X, "rows": X, "y": y}
    exec(in_script(lines, "", read_names(model, X, y, {"epochs": 1, "verbose": 0}), {}), space)
    assert space["model"].predict(rows, verbose=0).shape == (120, 3)


def test_pixels_are_not_wrapped_around_by_smote():
    X = np.random.default_rng(0).integers(180, 220, (60, 4, 4, 1)).astype("uint8")
    y = np.repeat([0, 1], [50, 10])
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    recipe, data = Recipe.from_model(model, {"epochs": 1}), Dataset(Rows(X, y), None, "binary")
    lines = patch(Prescription((("oversampling", {"kind": "smote"}),)), recipe, data, remedies())
    space = {"model": model, "X_train": X, "y_train": y, "fit": {}, "np": np, "keras": keras}
    exec(lines, space)
    assert len(space["X_train"]) == 100
    assert space["X_train"].min() >= 180
