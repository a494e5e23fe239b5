"""Datasets in batches are examined like arrays, and Keras trains on the stream itself."""

import warnings

import keras
import mlflow
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import remedy
from remedy import registry
from remedy.data import streams
from remedy.data.arrays import tree_map
from remedy.data.arrival import watched
from remedy.data.fit_call import read_fit_call
from remedy.data.kept import Kept
from remedy.data.streams import is_stream, read_stream
from remedy.errors import InvalidInput, RemedyWarning

from .conftest import blobs, dense, sick_program

X, Y = blobs(rows=200)
WEIGHTS = np.linspace(0.5, 1.5, 200).astype("float32")
NAMED = {"a": X, "b": X[:, :2]}


class Batches(keras.utils.PyDataset):
    """Arrays in batches; ``length`` None is an endless dataset."""

    def __init__(self, *parts, size=32, length=7):
        super().__init__()
        self.parts, self.size, self.length = parts, size, length

    def __len__(self):
        return self.length

    @property
    def num_batches(self):
        return self.length

    def __getitem__(self, i):
        at = (i if self.length else i % 6) * self.size
        return tuple(tree_map(lambda array: array[at : at + self.size], part) for part in self.parts)


def as_tf_data(*parts, size=32):
    return tf.data.Dataset.from_tensor_slices(parts).batch(size)


def two_inputs():
    keras.utils.set_random_seed(3)
    a, b = keras.Input((6,), name="a"), keras.Input((2,), name="b")
    model = keras.Model({"a": a, "b": b}, layers.Dense(3, activation="softmax")(layers.Concatenate()([a, b])))
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", weighted_metrics=["accuracy"])
    return model


def stepwise(model):
    """The model without a compiled graph: tracing one takes longer than a few small steps."""
    model.run_eagerly = True
    return model


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


@pytest.mark.parametrize("made", [as_tf_data, Batches])
def test_all_rows_of_a_finite_stream_are_read_in_their_order(made):
    stream = made(X, Y)
    assert is_stream(stream)
    found = read_stream(stream)
    assert np.array_equal(found.rows.X, X)
    assert np.array_equal(found.rows.y, Y)
    assert found.rows.sample_weight is None
    assert (found.complete, found.batch_size, found.total) == (True, 32, 200)


@pytest.mark.parametrize("made", [as_tf_data, Batches])
def test_inputs_by_name_labels_by_name_and_sample_weights_are_read(made):
    found = read_stream(made(NAMED, {"kind": Y}, WEIGHTS)).rows
    assert found.X.keys() == {"a", "b"}
    assert np.array_equal(found.X["b"], X[:, :2])
    assert np.array_equal(found.y["kind"], Y)
    assert np.array_equal(found.sample_weight, WEIGHTS)


@pytest.mark.parametrize("made", [as_tf_data, Batches])
def test_inputs_in_a_tuple_are_read(made):
    found = read_stream(made((X, X[:, :2]), Y)).rows
    assert [part.shape for part in found.X] == [(200, 6), (200, 2)]


def test_sample_weights_that_are_none_are_none():
    assert read_stream(Batches(X, Y, None)).rows.sample_weight is None


@pytest.mark.parametrize("stream", [as_tf_data(X, Y).repeat(), Batches(X, Y, length=None)], ids=["tf.data", "Py"])
def test_of_an_endless_stream_some_thousand_rows_are_read(stream):
    found = read_stream(stream)
    assert not found.complete
    assert found.total is None
    assert streams.SAMPLE_ROWS // 2 <= len(found.rows) <= streams.SAMPLE_ROWS + 32


def test_a_stream_whose_length_nobody_knows_is_read_to_its_end():
    found = read_stream(as_tf_data(X, Y).filter(lambda x, y: True))
    assert (len(found.rows), found.complete, found.total) == (200, True, 200)


@pytest.mark.parametrize("made", [as_tf_data, Batches])
def test_of_a_stream_that_is_too_large_the_first_rows_are_read(made, monkeypatch):
    monkeypatch.setattr(streams, "WHOLE_BYTES", X.nbytes // 2)
    monkeypatch.setattr(streams, "SAMPLE_ROWS", 64)
    found = read_stream(made(X, Y))
    assert np.array_equal(found.rows.X, X[:64])
    assert (found.complete, found.batch_size, found.total) == (False, 32, 224)


def test_no_more_is_read_of_a_large_stream_than_is_kept(monkeypatch):
    read = []

    class Counted(Batches):
        def __getitem__(self, i):
            read.append(i)
            return super().__getitem__(i)

    monkeypatch.setattr(streams, "WHOLE_BYTES", X.nbytes // 2)
    monkeypatch.setattr(streams, "SAMPLE_ROWS", 64)
    read_stream(Counted(X, Y))
    assert read == [0, 1]


def test_a_stream_that_can_be_read_once_only_is_none():
    assert not is_stream(batch for batch in [(X, Y)])
    assert not is_stream(X)
    assert not is_stream([X, Y])


@pytest.mark.parametrize(
    "stream",
    [
        as_tf_data(X, Y).map(lambda x, y: x),
        as_tf_data(NAMED).map(lambda x: x),
        Batches(X),
        Batches(X, None),
        as_tf_data(X, Y).take(0),
        as_tf_data(tf.ragged.constant([[1], [2, 3]] * 100), Y),
    ],
    ids=["tensor", "dict", "tuple of one", "labels None", "empty", "ragged"],
)
def test_streams_without_labels_or_numbers_are_not_read(stream):
    assert read_stream(stream) is None


def test_of_batches_that_are_padded_one_by_one_those_like_the_first_are_read():
    lengths = [5, 7, 5, 6]
    batches = [(np.full((4, n), n, "float32"), np.arange(4)) for n in lengths]
    signature = (tf.TensorSpec((None, None), tf.float32), tf.TensorSpec((None,), tf.int64))
    found = read_stream(tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature))
    assert found.rows.X.shape == (8, 5)
    assert not found.complete


def test_reading_takes_nothing_from_a_stream():
    for stream in (as_tf_data(X, Y), Batches(X, Y)):
        first, second = read_stream(stream), read_stream(stream)
        assert np.array_equal(first.rows.X, second.rows.X)


def test_a_call_without_labels_is_watched_and_that_is_said():
    with pytest.warns(RemedyWarning, match="hold no labels"):
        call = read_fit_call(dense(), as_tf_data(X), None, {})
    assert call.dataset is None


def test_a_sample_is_called_a_sample(monkeypatch):
    monkeypatch.setattr(streams, "WHOLE_BYTES", X.nbytes // 2)
    monkeypatch.setattr(streams, "SAMPLE_ROWS", 64)
    with pytest.warns(RemedyWarning, match="first 64 rows are examined"):
        call = read_fit_call(dense(), as_tf_data(X, Y), None, {})
    assert (call.dataset.complete, call.dataset.total_rows) == (False, 224)


def test_groups_have_no_place_beside_a_stream():
    with pytest.raises(InvalidInput, match="needs arrays"):
        read_fit_call(dense(), as_tf_data(X, Y), None, {}, groups=np.arange(200))


def test_the_validation_rows_of_a_stream_are_read_from_a_stream_or_from_arrays():
    for held in (as_tf_data(X[:50], Y[:50]), Batches(X[:50], Y[:50], length=2), (X[:50], Y[:50])):
        call = read_fit_call(dense(), as_tf_data(X, Y), None, {"validation_data": held})
        assert len(call.dataset.validation) == 50
        assert call.kwargs["validation_data"] is held


def test_the_batch_size_of_a_stream_is_that_of_its_batches():
    call = read_fit_call(dense(), as_tf_data(X, Y, size=20), None, {"epochs": 2})
    assert call.recipe_options == {"epochs": 2, "batch_size": 20, "validated": False}
    assert "batch_size" not in call.kwargs


def test_diagnose_examines_a_stream_as_it_examines_arrays():
    model, wild, y = sick_program()
    known = registry.detectors()
    static = [d.code for d in known if d.code.startswith(("DAT", "HED", "ARC"))]
    arrays = remedy.diagnose(model, wild, y, detectors=static, batch_size=25)
    stream = remedy.diagnose(model, as_tf_data(wild, y, size=25), detectors=static)
    assert "unscaled-input" in {d.name for d in arrays.diagnoses}
    assert stream == arrays


def test_training_on_tf_data_leaves_the_weights_that_keras_alone_leaves(store):
    stream, held = as_tf_data(X, Y), as_tf_data(X[:60], Y[:60])
    plain, model = stepwise(dense(dropout=0.2)), stepwise(dense(dropout=0.2))
    keras.utils.set_random_seed(11)
    plain.fit(stream, epochs=2, validation_data=held, verbose=0)
    keras.utils.set_random_seed(11)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RemedyWarning)
        result = remedy.fit(model, stream, epochs=2, validation_data=held, verbose=0, search=False)
    assert equal(model, plain)
    assert result.run_id
    assert {"class-imbalance", "unscaled-input", "majority-collapse"} <= {*result.examination.passed}


def test_training_on_a_py_dataset_with_names_and_weights_leaves_the_weights_that_keras_alone_leaves(store):
    stream = Batches(NAMED, Y, WEIGHTS)
    plain, model = stepwise(two_inputs()), stepwise(two_inputs())
    keras.utils.set_random_seed(11)
    plain.fit(stream, epochs=2, shuffle=False, verbose=0)
    keras.utils.set_random_seed(11)
    result = remedy.fit(model, stream, epochs=2, shuffle=False, verbose=0, search=False)
    assert equal(model, plain)
    assert result.examination.failed == {}
    assert "unscaled-input" in result.examination.passed


def test_keras_shuffles_the_batches_of_a_py_dataset_as_it_does_alone(store):
    stream = Batches(X, Y)
    plain, model = stepwise(dense()), stepwise(dense())
    keras.utils.set_random_seed(11)
    plain.fit(stream, epochs=2, verbose=0)
    keras.utils.set_random_seed(11)
    remedy.fit(model, stream, epochs=2, verbose=0, search=False)
    assert equal(model, plain)


def _more(rows):
    """A stream that never gives a row twice."""
    import tensorflow as tf

    def give():
        rng = np.random.default_rng(0)
        while True:
            X, y = rng.standard_normal((50, 6)).astype("float32"), rng.integers(0, 3, 50)
            yield 500 + 100 * X, np.eye(3, dtype="float32")[y]

    spec = (tf.TensorSpec((None, 6), "float32"), tf.TensorSpec((None, 3), "float32"))
    return tf.data.Dataset.from_generator(give, output_signature=spec)


def test_an_endless_stream_of_new_rows_is_trained_as_by_keras_and_examined(store):
    plain, model = stepwise(sick_program()[0]), stepwise(sick_program()[0])
    keras.utils.set_random_seed(11)
    plain.fit(_more(50), epochs=9, steps_per_epoch=6, verbose=0)
    keras.utils.set_random_seed(11)
    result = remedy.fit(model, _more(50), epochs=9, steps_per_epoch=6, verbose=0, search=False)
    assert result.stuck
    assert "unscaled-input" in {d.name for d in result.diagnoses}
    assert len(result.history.epoch) == 9
    assert equal(model, plain)


@pytest.mark.slow
def test_an_endless_stream_that_repeats_its_rows_is_searched_once_they_are_known(store):
    model, wild, y = sick_program()
    stream = as_tf_data(wild, y).repeat()
    result = remedy.fit(
        model, stream, epochs=12, steps_per_epoch=20, verbose=0, search=remedy.Search(trials=6, timeout=40)
    )
    assert result.stuck
    assert result.fix is not None


@pytest.mark.slow
def test_a_stuck_program_on_a_complete_stream_is_searched_a_remedy_for(store):
    model, wild, y = sick_program()
    stream = as_tf_data(wild, y)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = remedy.fit(model, stream, epochs=8, verbose=0, search=remedy.Search(trials=3, timeout=20))
    assert result.stuck
    trials = mlflow.search_runs(
        search_all_experiments=True, filter_string="tags.`remedy.role` = 'trial'", output_format="list"
    )
    assert trials, [str(w.message) for w in said]


def _rows_by_class(rows=600):
    """Three classes, sorted, in columns that part them."""
    y = np.repeat(np.arange(3), rows // 3)
    wide = np.random.default_rng(0).normal(size=(rows, 8)) + 3 * np.eye(8)[y]
    return wide.astype("float32"), y


def test_of_a_stream_too_large_to_keep_batches_of_all_of_it_are_kept(monkeypatch):
    monkeypatch.setattr("remedy.data.kept.WHOLE_BYTES", 200 * 8 * 4)
    wide, y = _rows_by_class()
    stream, kept = watched(as_tf_data(wide, y, size=10), None)
    for _ in stream:
        pass
    kept.epoch_over()
    found = kept.rows()
    assert (kept.ended, kept.complete, kept.total) == (True, False, 600)
    assert 150 <= len(found) <= 220
    assert set(np.unique(found.y)) == {0, 1, 2}


def _stuck_on(wide, y):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(1e-6), "sparse_categorical_crossentropy")
    return model


@pytest.mark.slow
def test_a_stuck_program_on_a_large_stream_is_repaired_on_a_sample_and_that_is_said(store, monkeypatch):
    monkeypatch.setattr("remedy.data.kept.WHOLE_BYTES", 300 * 8 * 4)
    monkeypatch.setattr("remedy.data.kept.SEARCHED_ROWS", 300)
    wide, y = _rows_by_class()
    order = np.random.default_rng(1).permutation(600)
    model, stream = _stuck_on(wide, y), as_tf_data(wide[order], y[order])
    result = remedy.fit(model, stream, epochs=8, verbose=0, search=remedy.Search(trials=5, timeout=25))
    assert result.fix.confirmed
    assert "of 600 rows of your stream" in result.conclusion
    assert 400 < result.fix.stream_rows < 600
    assert f"trained on {result.fix.stream_rows} rows of the stream itself" in result.conclusion
    space = {"model": model, "stream": stream}
    exec(result.fix.patch, space)
    assert np.mean(space["model"].predict(wide, verbose=0).argmax(-1) == y) > 0.8


def test_nothing_is_confirmed_on_an_endless_stream_that_gives_new_rows_always(store):
    wide, y = _rows_by_class()
    source = tf.data.Dataset.from_tensor_slices((wide, y)).shuffle(600, seed=0).repeat()
    noisy = source.map(lambda a, b: (a + tf.random.normal((8,), stddev=0.1), b)).batch(32)
    model = _stuck_on(wide, y)
    search = remedy.Search(trials=2, timeout=15)
    result = remedy.fit(model, noisy, steps_per_epoch=15, epochs=10, verbose=0, search=search)
    assert result.stuck
    assert "Searched" in result.conclusion or "tried" in result.conclusion or result.fix
    assert result.fix is None or not result.fix.confirmed


def test_a_run_on_a_stream_is_tuned_on_the_stream_that_a_function_gives(store, monkeypatch):
    from remedy.data.files import load

    lines = [
        "import numpy as np, tensorflow as tf",
        "def feed(seed=0, rows=200):",
        "    rng = np.random.default_rng(seed)",
        "    ids = rng.integers(0, 3, rows)",
        "    X = (rng.standard_normal((rows, 5)) + 3 * np.eye(3, 5)[ids]).astype('float32')",
        "    return tf.data.Dataset.from_tensor_slices((X, ids)).batch(16)",
        "def both():",
        "    return feed(), feed(1, 60)",
    ]
    (store / "fed.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(store)
    import fed

    train, held = fed.both()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.SGD(1e-6), "sparse_categorical_crossentropy")
    fit = {"epochs": 8, "validation_data": held, "verbose": 0}
    result = remedy.fit(model, train, search=False, log_data=False, **fit)
    assert result.stuck
    data = load("fed:both")
    found = remedy.tune(run_id=result.run_id, data=data, search=remedy.Search(trials=2, timeout=20))
    assert "balanced_accuracy" in found[result.run_id].conclusion


def test_a_stream_of_single_rows_for_tune_is_named(store, monkeypatch):
    from remedy.data.files import load

    (store / "rows.py").write_text(
        "import numpy as np, tensorflow as tf\n"
        "def single():\n    return tf.data.Dataset.from_tensor_slices((np.zeros((9, 3)), np.zeros(9)))\n"
    )
    monkeypatch.syspath_prepend(store)
    with pytest.raises(InvalidInput, match="batch"):
        load("rows:single")


def test_an_epoch_that_a_callback_broke_off_is_not_taken_for_the_whole_stream():
    kept = Kept(expected=10)
    for _ in range(3):
        kept.keep((np.zeros((4, 2)), np.zeros(4)))
    kept.epoch_over()
    assert kept.ended
    assert not kept.complete
