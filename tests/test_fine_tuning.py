"""Programs that begin from loaded weights: what goes wrong with them is said, and mended with the weights kept."""

import keras
import numpy as np
import pytest
from keras import layers

import remedy
from remedy.detectors.nothing_trainable import NothingTrainable
from remedy.diagnosis import diagnose
from remedy.evidence.model_facts import layer_facts
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe
from remedy.recipe.starting_weights import loaded, pretrained, snapshot
from remedy.remedies._backbone import set_trainable

from .conftest import blobs, dense, stuck_run_of
from .gratings import backbone, few, fine_tuned

FIT = {"epochs": 12, "batch_size": 16, "validation_split": 0.25, "verbose": 0, "experiment": "gratings"}


def watched(model, X, y, **more):
    return remedy.fit(model, X, y, **{**FIT, "search": False, **more})


def found(result):
    return {diagnosis.name for diagnosis in result.diagnoses}


def kernels(layer):
    return not isinstance(layer, keras.layers.BatchNormalization)


def test_a_rate_that_destroys_loaded_weights_is_named_by_what_these_were_worth(store):
    result = watched(fine_tuned(rate=3.0), *few(240), epochs=20)  # At .3 it hangs on the number of threads.
    assert result.stuck
    assert "destroyed-weights" in found(result)
    assert "no-signal" not in found(result)


def test_the_same_program_at_a_usual_rate_is_healthy(store):
    result = watched(fine_tuned(), *few())
    assert not result.stuck
    assert not found(result) & {"destroyed-weights", "preprocessing-mismatch", "nothing-trainable"}


def test_a_net_from_scratch_at_a_rate_too_large_has_no_weights_to_destroy(store):
    assert "destroyed-weights" not in found(watched(fine_tuned(rate=0.3, loaded=False), *few()))


def test_pixels_that_were_scaled_before_a_model_which_scales_them_itself_are_named(store):
    X, y = few()
    result = watched(fine_tuned(), X / 255, y)
    assert result.stuck
    assert "preprocessing-mismatch" in found(result)


def test_a_model_with_nothing_left_to_train_is_stuck_before_training(store):
    result = watched(fine_tuned(freeze=lambda layer: True), *few())
    assert result.stuck
    assert result.examination.cause.name == "nothing-trainable"
    assert "destroyed-weights" not in found(result)


def test_batch_normalization_that_is_trained_between_frozen_kernels_is_named(store):
    def but_the_head(layer):
        return layer.name != "head" and kernels(layer)

    assert "unfrozen-batchnorm" in found(watched(fine_tuned(freeze=but_the_head), *few()))


def test_averages_that_were_loaded_are_never_said_to_lag_behind_fresh_ones(store):
    result = watched(fine_tuned(rate=0.3), *few(240), epochs=6)
    assert "batchnorm-lag" not in found(result)
    assert result.examination.not_recorded["batchnorm-lag"] == "batchnorm_momentum"


def test_a_backbone_that_is_called_in_inference_mode_keeps_its_averages():
    base = backbone()
    inputs = keras.Input(base.input_shape[1:])
    for training, trained in ((False, 0), (None, 3)):
        model = keras.Model(inputs, keras.layers.Dense(4, name="head")(base(inputs, training=training)))
        model.compile("adam", "mse")
        facts = layer_facts(Recipe.from_model(model, {}).architecture)
        assert sum(f.kind == "BatchNormalization" and not f.inference for f in facts) == trained


def test_a_subclassed_backbone_that_scales_its_pixels_itself_is_not_told_to(store):
    class Own(keras.Model):
        def __init__(self, base):
            super().__init__()
            self.base, self.head = base, keras.layers.Dense(4, activation="softmax")

        def call(self, x):
            return self.head(self.base(x))

    model = Own(backbone())
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.warns(remedy.RemedyWarning, match="not logged"):
        assert "unscaled-input" not in found(watched(model, *few(), epochs=1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sick", "divided"),
    [
        (lambda: fine_tuned(rate=0.3), 1),
        (fine_tuned, 255),
        (lambda: fine_tuned(freeze=lambda layer: True), 1),
    ],
    ids=["weights destroyed", "scaled twice", "all frozen"],
)
def test_a_fine_tuning_is_mended_with_the_loaded_weights(store, sick, divided):
    X, y = few()
    X_new, y_new = few(400, seed=77)
    result = watched(sick(), X / divided, y, search=remedy.Search(timeout=60))
    assert result.fix is not None
    assert result.fix.confirmed
    answers = result.fix.model.predict(X_new / divided, verbose=0).argmax(-1)
    assert np.mean(answers == y_new) > 0.9
    assert len(result.fix.prescription) <= 2


def _named_twice():
    """A frozen net with a layer "dense", and a new layer "dense" behind it, as a loaded model in a new session has."""
    base = keras.Sequential([keras.Input((6,)), layers.Dense(5, activation="relu", name="dense")], name="base")
    base.set_weights([np.full((6, 5), 0.25), np.full(5, 0.5)])
    base.trainable = False
    model = keras.Sequential([keras.Input((6,)), base, layers.Dense(3, activation="softmax", name="dense")])
    model.compile("adam", "categorical_crossentropy")
    return model


def test_a_loaded_layer_keeps_its_weights_beside_a_new_one_of_the_same_name():
    X, y = blobs(rows=60)
    recipe, data = stuck_run_of(_named_twice(), X, y)
    copy = recipe.build(data, 7)
    np.testing.assert_array_equal(copy.layers[0].layers[0].get_weights()[0], np.full((6, 5), 0.25))
    assert copy.layers[1].get_weights()[0].std() > 0
    trained = _named_twice()
    trained.layers[0].trainable = True
    start = snapshot(trained)
    assert sorted(start) == ["dense", "dense#2"]
    kept = loaded(start, *(_named_twice_fresh(seed) for seed in (0, 1)))
    assert list(kept) == ["dense"]
    np.testing.assert_array_equal(kept["dense"][0], np.full((6, 5), 0.25))


def _named_twice_fresh(seed):
    keras.utils.set_random_seed(seed)
    base = keras.Sequential([keras.Input((6,)), layers.Dense(5, activation="relu", name="dense")], name="base")
    return keras.Sequential([keras.Input((6,)), base, layers.Dense(3, activation="softmax", name="dense")])


def test_loaded_layers_of_a_model_that_is_not_built_yet_are_known():
    base = keras.Sequential([keras.Input((6,)), layers.Dense(5, name="body")])
    model = keras.Sequential([base, layers.Dense(3, name="head")])
    assert "body" in snapshot(model)


def test_a_normalization_with_loaded_weights_is_part_of_the_backbone():
    model = keras.Sequential([keras.Input((6,)), layers.LayerNormalization(name="norm"), layers.Dense(3, name="head")])
    model.compile("adam", "mse")
    recipe = Recipe.from_model(model, {})
    kept = {layer.name: layer.get_weights() for layer in model.layers}
    assert pretrained(recipe.replace(kept_weights=kept)) == {"norm", "head"}


def test_a_plan_that_begins_later_has_as_many_epochs_as_are_left():
    recipe = Recipe.from_model(dense(), {"epochs": 20, "initial_epoch": 12})
    assert recipe.epochs == 8


def test_a_functional_model_frozen_as_a_whole_is_opened():
    rows = keras.Input((6,))
    model = keras.Model(rows, layers.Dense(3, name="head")(layers.Dense(4, name="body")(rows / 2.0)))
    model.trainable = False
    model.compile("adam", "mse")
    recipe, data = stuck_run_of(model, *blobs(rows=60))
    assert "nothing-trainable" in [
        d.name for d in diagnose(static_evidence(recipe, data), [NothingTrainable()]).diagnoses
    ]
    opened = recipe.replace(architecture=set_trainable(recipe.architecture, ["body", "head"], True))
    assert len(opened.build(data, 0).trainable_weights) == 4
