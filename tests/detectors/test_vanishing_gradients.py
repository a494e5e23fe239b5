import keras
from keras import layers

from remedy import registry
from remedy.detectors.vanishing_gradients import VanishingGradients
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import Evidence
from remedy.evidence.layers import look
from remedy.evidence.records import Look

from ..conftest import blobs, stuck_run_of
from ..watch import named, watched


def _stack(activation, initializer):
    model = keras.Sequential([keras.Input((6,))])
    for _ in range(4):
        model.add(layers.Dense(8, activation=activation, kernel_initializer=initializer))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy")
    recipe, data = stuck_run_of(model, *blobs(rows=500), epochs=5)
    return watched(recipe, data), data


def test_sigmoids_on_tiny_weights_let_no_gradient_through_to_the_first_layer():
    recorder, _ = _stack("sigmoid", keras.initializers.RandomNormal(stddev=0.01))
    found = next(d for d in recorder.examination.diagnoses if d.name == "vanishing-gradients")
    assert found.epoch == 2
    assert found.measured["ratio"] < 1e-4
    assert "first layer" in found.message
    assert recorder.examination.stuck


def test_the_same_stack_of_well_initialized_relus_is_left_alone_also_when_looked_at():
    recorder, data = _stack("relu", "he_normal")
    assert "vanishing-gradients" not in named(recorder)
    assert not recorder.examination.stuck
    assert VanishingGradients().detect([look(recorder.model, data.train, 5)]) is None


def test_no_gradient_at_all_is_found_and_one_layer_alone_says_nothing():
    dead = Look(2, gradients={"dense": 0.0, "dense_1": 0.0})
    assert "No layer of 2 gets any gradient" in VanishingGradients().detect([dead]).message
    assert VanishingGradients().detect([Look(2, gradients={"dense": 0.0})]) is None
    assert VanishingGradients().detect([]) is None


def test_only_the_latest_look_counts_and_a_ratio_of_large_gradients_is_none():
    gone, back = Look(2, gradients={"a": 1e-9, "b": 0.1}), Look(4, gradients={"a": 0.01, "b": 0.1})
    assert VanishingGradients().detect([gone, back]) is None
    assert VanishingGradients().detect([back, gone]) is not None
    assert VanishingGradients().detect([Look(2, gradients={"a": 0.01, "b": 900.0})]) is None


def test_a_solved_task_that_leaves_no_gradient_is_left_alone():
    # Measured: three separable classes, Adam at 2.0, the look after the fifth epoch.
    evidence = Evidence(
        task="multiclass",
        loss=(13.05, 4.672, 2.616, 0.0238, 0.0537),
        probe_loss=(0.504, 0.0, 0.0, 0.0, 0.0),
        probe_score=(0.969, 1.0, 1.0, 1.0, 1.0),
        prior_loss=1.094,
        constant_score=0.333,
        looks=(Look(5, gradients={"dense": 0.0, "dense_1": 0.0}),),
    )
    assert diagnose(evidence, registry.detectors(["OPT409"])).diagnoses == ()
