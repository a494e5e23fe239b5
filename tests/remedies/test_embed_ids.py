import keras
import numpy as np
from keras import layers

from remedy.remedies.embed_ids import EmbedIds
from remedy.testing import check_patch, check_rewritten, check_unchanged
from remedy.testing.specimens import given_to, specimen

from ..conftest import stuck_run_of
from ..detectors.test_ids_as_numbers import padded_words


def kinds(recipe):
    return [entry["class_name"] for entry in recipe.architecture.layers()]


def test_dense_layers_read_the_mean_of_vectors_and_every_id_fits_into_the_table():
    recipe, data = given_to(EmbedIds())
    changed = check_rewritten(EmbedIds(), recipe, data, width=8)
    assert kinds(changed)[:4] == ["InputLayer", "Embedding", "GlobalAveragePooling1D", "Dense"]
    table = next(changed.architecture.layers("Embedding"))["config"]
    assert table["input_dim"] >= 1 + max(data.train.X.max(), data.validation.X.max())


def test_a_recurrent_layer_reads_the_vectors_in_the_place_of_reshaped_numbers():
    keras.utils.set_random_seed(0)
    parts = [layers.Reshape((40, 1)), layers.LSTM(4), layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((40,)), *parts])
    model.compile("adam", "binary_crossentropy")
    X = padded_words(rows=80)
    recipe, data = stuck_run_of(model, X, (X[:, 0] > 400).astype("float32"))
    changed = check_rewritten(EmbedIds(), recipe, data, width=8)
    assert kinds(changed) == ["InputLayer", "Embedding", "LSTM", "Dense"]
    check_patch(EmbedIds(), recipe, data, width=8)


def test_quantities_are_left_alone():
    check_unchanged(EmbedIds(), *specimen(), width=8)


def test_an_id_that_was_not_seen_yet_is_looked_up_too():
    recipe, data = given_to(EmbedIds())
    model = EmbedIds().apply(recipe, data, width=8).build(data, 0)
    assert np.isfinite(model.predict(np.full((1, 12), 100), verbose=0)).all()
