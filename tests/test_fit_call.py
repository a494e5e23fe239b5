"""Bad input gets a clear error before training, or a warning where Keras would have trained."""

import keras
import numpy as np
import pytest
from keras import layers

import remedy
from remedy.data.fit_call import read_fit_call, read_rows
from remedy.errors import InvalidInput, ModelError, RemedyWarning

from .conftest import blobs, dense


def test_a_model_that_is_not_compiled():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    with pytest.raises(ModelError, match="not compiled"):
        remedy.fit(model, np.ones((20, 2)), np.ones(20))


def test_something_that_is_no_keras_model():
    with pytest.raises(ModelError, match="no Keras 3 model"):
        remedy.fit(object(), np.ones((20, 2)), np.ones(20))


def test_rows_that_differ_in_number():
    X, y = blobs()
    with pytest.raises(InvalidInput, match="X has 400, y has 399"):
        remedy.fit(dense(), X, y[:-1])


def test_no_rows():
    with pytest.raises(InvalidInput, match="no rows"):
        remedy.fit(dense(), np.ones((0, 6)), np.ones((0, 3)))


def test_labels_as_text():
    X, _ = blobs()
    with pytest.raises(InvalidInput, match="LabelEncoder"):
        remedy.fit(dense(), X, np.array(["cat", "dog"] * 200))
    with pytest.raises(InvalidInput, match="object"):
        remedy.fit(dense(), X, np.array(["cat", "dog"] * 200, dtype=object))


@pytest.mark.parametrize("y", [np.ones((400, 4)), np.ones(400)])
def test_labels_whose_shape_does_not_fit_the_output(y):
    with pytest.raises(InvalidInput, match=r"does not fit the model's output \(None, 3\)"):
        remedy.fit(dense(), blobs()[0], y)


def test_a_keyword_that_nobody_knows():
    with pytest.raises(InvalidInput, match="'epoch'"):
        remedy.fit(dense(), *blobs(), epoch=3)


@pytest.mark.parametrize("search", ["yes", 3, None])
def test_a_search_that_is_none(search):
    with pytest.raises(InvalidInput, match="Search"):
        remedy.fit(dense(), *blobs(), search=search)


@pytest.mark.parametrize("options", [{"trials": 0}, {"timeout": -1}, {"workers": 0}, {"workers": "many"}])
def test_search_options_that_cannot_be(options):
    with pytest.raises(InvalidInput, match=next(iter(options))):
        remedy.Search(**options)


def test_nan_in_x_is_named_with_its_columns_and_the_training_goes_on(store):
    X, y = blobs()
    X[:5, 2] = np.nan
    with pytest.warns(RemedyWarning, match=r"1 of 6 columns: 2 \(5\)"):
        result = remedy.fit(dense(), X, y, epochs=2, verbose=0, search=False)
    assert len(result.history.epoch) == 2
    # No more is asked: whether relu makes 0 of NaN, and the loss stays finite, depends on the processor.
    assert "non-finite-input" in [d.name for d in result.diagnoses]


def test_nan_in_y_is_said_and_the_training_goes_on(store):
    X, y = blobs()
    y[0] = np.nan
    with pytest.warns(RemedyWarning, match="y holds NaN"):
        assert remedy.fit(dense(), X, y, epochs=1, verbose=0, search=False).history.epoch == [0]


def test_a_generator_without_length_is_trained_and_watched(store):
    X, y = blobs()

    def batches():
        while True:
            yield X[:32], y[:32]

    result = remedy.fit(dense(), batches(), epochs=2, steps_per_epoch=3, verbose=0)
    assert len(result.evidence.probe_score) == 2
    assert result.run_id
    assert len(result.history.epoch) == 2


def test_a_model_that_cannot_be_rebuilt_is_trained_and_watched(store):
    class Odd(keras.Model):
        def __init__(self, made_of):
            super().__init__()
            self.inner = made_of

        def call(self, x):
            return self.inner(x)

        def get_config(self):
            raise NotImplementedError("no config")

    X, y = blobs()
    model = Odd(layers.Dense(3, activation="softmax"))
    model.compile("adam", "categorical_crossentropy")
    with pytest.warns(RemedyWarning, match="Keras cannot save a Odd"):
        result = remedy.fit(model, X, y, epochs=2, verbose=0)
    assert len(result.history.epoch) == 2
    assert result.examination.outcome != "not judged"


def test_validation_split_takes_the_last_rows_as_keras_does():
    X, y = blobs(rows=101)
    data = read_fit_call(dense(), X, y, {"validation_split": 0.2}).dataset
    assert np.array_equal(data.validation.X, X[80:])


def test_groups_stay_on_one_side_of_a_validation_split():
    X, y = blobs(rows=300)
    groups = np.repeat(np.arange(30), 10)
    call = read_fit_call(dense(), X, y, {"validation_split": 0.2}, groups)
    assert not set(call.dataset.train.groups) & set(call.dataset.validation.groups)
    assert "validation_split" not in call.kwargs
    assert np.array_equal(call.kwargs["validation_data"][0], call.dataset.validation.X)


def test_data_frames_are_read():
    pandas = pytest.importorskip("pandas")
    X, y = blobs()
    data = read_fit_call(dense(), pandas.DataFrame(X), pandas.DataFrame(y), {}).dataset
    assert data.train.X.shape == (400, 6)


@pytest.mark.parametrize("kind", ["float32", object])
def test_rows_without_columns_are_refused_with_their_shape(kind):
    with pytest.raises(InvalidInput, match=r"X of shape \(20, 0\) holds no values"):
        read_rows(np.empty((20, 0), kind), np.zeros(20))
