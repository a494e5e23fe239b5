"""Text as rows: strings that a layer of the model reads."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import remedy
from remedy.data import arrays
from remedy.data.kinship import kinship
from remedy.data.rows import Rows
from remedy.data.text import as_text, is_text
from remedy.errors import InvalidInput
from remedy.evidence.baseline import shallow_baseline
from remedy.evidence.data_facts import overlap

GOOD, BAD = ["great", "lovely", "superb", "warm"], ["dull", "awful", "weak", "noisy"]


def reviews(rows=500, seed=0):
    """Texts of some twelve words, two of which tell the class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    texts = []
    for label in y:
        words = [f"w{i}" for i in rng.integers(0, 200, rng.integers(6, 14))]
        for at in rng.choice(len(words), 2, replace=False):
            words[at] = str(rng.choice(GOOD if label else BAD))
        texts.append(" ".join(words))
    return np.array(texts, dtype=object), y


def reader(texts, optimizer):
    words = layers.TextVectorization(max_tokens=300, output_sequence_length=16)
    words.adapt(texts)
    model = keras.Sequential(
        [
            keras.Input((), dtype="string"),
            words,
            layers.Embedding(300, 16),
            layers.GlobalAveragePooling1D(),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.slow
@pytest.mark.parametrize("form", ["objects", "tensor", "stream"])
def test_a_stuck_reader_of_text_is_repaired_and_its_patch_reads_text_too(store, form):
    keras.utils.set_random_seed(0)
    texts, y = reviews()
    model = reader(texts, keras.optimizers.SGD(1e-4))
    fit = {"epochs": 8, "verbose": 0}
    if form == "stream":
        feed = tf.data.Dataset.from_tensor_slices((texts, y)).shuffle(500, seed=1).batch(32)
        result = remedy.fit(model, feed, search=remedy.Search(trials=8, timeout=30), **fit)
    else:
        feed = texts if form == "objects" else tf.constant(texts)
        result = remedy.fit(model, feed, y, validation_split=0.2, search=remedy.Search(trials=12, timeout=60), **fit)
    assert result.fix.confirmed
    more, truth = reviews(seed=1)
    found = result.fix.model.predict(more, verbose=0)[:, 0] > 0.5
    assert np.mean(found == truth) > 0.85
    space = {"model": model, "feed": feed, "y": y}
    exec(result.fix.patch, space)
    pasted = space["model"].predict(more, verbose=0)[:, 0] > 0.5
    assert np.mean(pasted == truth) > 0.85


def test_text_of_a_healthy_reader_is_judged(store):
    keras.utils.set_random_seed(0)
    texts, y = reviews()
    model = reader(texts, keras.optimizers.Adam(0.01))
    result = remedy.fit(model, texts, y, epochs=8, verbose=0, validation_split=0.2)
    assert result.examination.outcome == "healthy"


@pytest.mark.parametrize("kind", ["U", "S", object])
def test_all_forms_of_text_are_read_alike(kind):
    given = np.array(["one", "two"]).astype(kind)
    assert is_text(given)
    assert as_text(given).tolist() == ["one", "two"]
    assert as_text(given).dtype == object


def test_a_forest_learns_from_words_and_equal_texts_are_kin():
    texts, y = reviews()
    assert shallow_baseline(Rows(texts, y), "binary").score > 0.85
    assert kinship(texts) is None
    assert "500 of 1000" in kinship(np.tile(texts, 2)).text
    assert overlap(Rows(texts[:300], y[:300]), Rows(texts[250:350], y[250:350])) == 0.5


def test_text_has_a_digest_by_what_it_says_and_comes_back_from_a_file():
    texts = np.array(["one", "two"], dtype=object)
    same = np.array(["".join(["o", "ne"]), "two"], dtype=object)
    assert arrays.digest(texts) == arrays.digest(same) != arrays.digest(texts[::-1])
    back = arrays.restore_from_npz(arrays.flatten_for_npz({"a": texts}, "X"), "X")
    assert back["a"].dtype == object
    assert back["a"].tolist() == ["one", "two"]


def test_what_is_no_text_among_texts_and_text_that_keras_refuses_are_said_before_training():
    texts, y = reviews(40)
    model = reader(texts, "adam")
    with_none = texts.copy()
    with_none[3] = None
    with pytest.raises(InvalidInput, match="None in row 3"):
        remedy.fit(model, with_none, y)
    with pytest.raises(InvalidInput, match=r"astype\(object\)"):
        remedy.fit(model, texts.astype(str), y)


@pytest.mark.slow
def test_a_reader_that_knows_none_of_the_words_is_given_those_of_the_training_texts(store):
    keras.utils.set_random_seed(0)
    texts, y = reviews()
    german = np.array([" ".join(f"wort{i}" for i in range(250))], dtype=object)
    model = reader(german, keras.optimizers.Adam(0.01))
    result = remedy.fit(model, texts, y, epochs=8, verbose=0, search=remedy.Search(trials=4, timeout=30))
    assert result.stuck
    assert "unknown-words" in {d.name for d in result.diagnoses}
    new, truth = reviews(200, seed=9)
    assert "adapt-vocabulary" in result.fix.prescription.names
    assert np.mean((result.fix.model.predict(tf.constant(new), verbose=0)[:, 0] > 0.5) == truth) > 0.9
