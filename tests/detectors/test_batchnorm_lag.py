import keras
from keras import layers

from ..conftest import blobs, stuck_run_of
from ..watch import named, watched


def _net(momentum):
    model = keras.Sequential([keras.Input((6,)), layers.Dense(32), layers.BatchNormalization(momentum=momentum)])
    model.add(layers.ReLU())
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"])
    return model


def test_averages_that_lag_behind_are_found_by_the_loss_in_both_modes():
    recorder = watched(*stuck_run_of(_net(0.99), *blobs(rows=500, shift=40.0), epochs=4, batch_size=64))
    found = next(d for d in recorder.examination.diagnoses if d.name == "batchnorm-lag")
    assert found.measured["excess"] > 0.2
    assert "batchnorm-momentum" in found.remedies


def test_averages_that_follow_fast_enough_are_left_alone():
    assert "batchnorm-lag" not in named(watched(*stuck_run_of(_net(0.5), *blobs(rows=500), epochs=4, batch_size=64)))


def test_a_net_without_batchnormalization_is_said_to_be_not_recorded():
    from ..conftest import dense

    recorder = watched(*stuck_run_of(dense(), *blobs(), epochs=1))
    assert recorder.examination.not_recorded["batchnorm-lag"] == "batchnorm_momentum"
