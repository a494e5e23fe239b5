import keras
import pytest
from keras import layers

from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, dense, stuck_run_of


def _judged(model):
    return diagnose(static_evidence(*stuck_run_of(model, *blobs())), registry.detectors(["ARC302"])).diagnoses


def _stack(depth, activation, **options):
    model = keras.Sequential([keras.Input((6,))])
    for _ in range(depth):
        model.add(layers.Dense(12, activation=activation, **options))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile("adam", "categorical_crossentropy")
    return _judged(model)


def test_a_deep_plain_stack_is_found_with_its_depth():
    (found,) = _stack(12, "relu")
    assert "12 layers" in found.message
    assert found.measured["layers"] == 12


def test_activations_as_layers_of_their_own_count_as_well():
    assert _judged(dense(widths=(12,) * 11))


def test_normalization_between_the_layers_is_enough():
    assert _judged(dense(widths=(12,) * 11, norm=True)) == ()


def test_a_usual_depth_is_left_alone():
    assert _stack(6, "relu") == ()
    assert _stack(3, "tanh") == ()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_saturating_stacks_are_found_sooner(activation):
    (found,) = _stack(6, activation)
    assert "6 layers" in found.message
    assert _stack(4, activation) == ()


def test_selu_and_he_initialization_may_go_deeper():
    assert _stack(14, "selu", kernel_initializer="lecun_normal") == ()
    assert _stack(14, "relu", kernel_initializer="he_normal") == ()


def test_shortcuts_are_enough():
    x = start = keras.Input((6,))
    x = layers.Dense(12, activation="relu")(x)
    for _ in range(6):
        x = layers.Add()([x, layers.Dense(12, activation="relu")(layers.Dense(12, activation="relu")(x))])
    model = keras.Model(start, layers.Dense(3, activation="softmax")(x))
    model.compile("adam", "categorical_crossentropy")
    assert _judged(model) == ()


def test_dense_stacks_are_cut_first_and_stacks_of_convolutions_normalized_first():
    (dense_stack,) = _stack(12, "relu")
    assert dense_stack.remedies[0] == "simplify-architecture"
    convolutions = [layers.Conv1D(4, 3, padding="same", activation="relu") for _ in range(12)]
    model = keras.Sequential(
        [keras.Input((6, 1)), *convolutions, layers.Flatten(), layers.Dense(3, activation="softmax")]
    )
    model.compile("adam", "categorical_crossentropy")
    X, y = blobs()
    (deep,) = diagnose(static_evidence(*stuck_run_of(model, X[..., None], y)), registry.detectors(["ARC302"])).diagnoses
    assert deep.remedies[0] == "add-normalization"
