import numpy as np
import pytest
from keras import layers

from remedy.recipe.starting_weights import loaded, snapshot
from remedy.remedies.match_preprocessing import MatchPreprocessing
from remedy.testing import check_patch, check_rewritten, check_unchanged

from ..conftest import stuck_run_of
from ..gratings import backbone, few, weights


def program(scale, offset=0.0, own=True):
    import keras

    X, y = few(60)
    base = backbone()
    base.set_weights(weights())
    keras.utils.set_random_seed(0)
    inner = base.layers if own else base.layers[1:]
    model = keras.Sequential([keras.Input((20, 20, 1)), *inner, layers.Dense(4, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    recipe, data = stuck_run_of(model, X * scale + offset, y)
    kept = loaded(snapshot(model), *(recipe.build(data, seed) for seed in (0, 1)))
    return recipe.replace(kept_weights={**recipe.kept_weights, **kept}), data


@pytest.mark.parametrize(
    ("scale", "offset", "own", "kind"),
    [
        (1 / 255, 0.0, True, "unit-to-bytes"),
        (1 / 127.5, -1.0, True, "signed-to-bytes"),
        (1.0, 0.0, False, "bytes-to-signed"),
    ],
    ids=["scaled twice to 0..1", "scaled twice to -1..1", "not scaled"],
)
def test_the_first_dose_is_what_the_loaded_averages_expect(scale, offset, own, kind):
    recipe, data = program(scale, offset, own)
    assert MatchPreprocessing().usual_doses(recipe, data)[0] == {"kind": kind}
    check_rewritten(MatchPreprocessing(), recipe, data, kind=kind)
    check_patch(MatchPreprocessing(), recipe, data, kind=kind)


def test_channels_of_photos_are_turned_and_centred_as_the_first_networks_had_them():
    from remedy.recipe.input_scaling import InputScaling, scaling_layers

    rows = np.zeros((1, 2, 2, 3))
    kinds = [layer["class_name"] for layer in scaling_layers(InputScaling("bytes-to-caffe"), rows)]
    assert kinds == ["Flip", "Normalization"]


def test_pixels_in_another_range_are_left_alone():
    check_unchanged(MatchPreprocessing(), *program(1.0), kind="unit-to-bytes")
