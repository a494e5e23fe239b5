import keras
import pytest
from keras import layers

from remedy.detectors.saturated_units import SaturatedUnits
from remedy.evidence.layers import look
from remedy.evidence.records import Look

from ..conftest import blobs, stuck_run_of
from ..watch import named, watched


def _trained(activation, **values):
    model = keras.Sequential([keras.Input((6,)), layers.Dense(16, activation=activation)])
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy")
    recipe, data = stuck_run_of(model, *blobs(rows=500, **values), epochs=5)
    return watched(recipe, data), data


def test_tanh_on_values_far_from_zero_answers_its_bounds_to_every_row():
    recorder, _ = _trained("tanh", shift=500.0)
    found = next(d for d in recorder.examination.diagnoses if d.name == "saturated-units")
    assert found.epoch == 2
    assert found.measured["saturated"] > 0.95
    assert "within a hundredth of its bounds" in found.message
    assert recorder.examination.stuck


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_the_same_net_on_values_around_zero_is_left_alone_also_when_looked_at(activation):
    recorder, data = _trained(activation)
    assert "saturated-units" not in named(recorder)
    assert not recorder.examination.stuck
    closer = look(recorder.model, data.train, 5)
    assert closer.saturated
    assert SaturatedUnits().detect([closer]) is None


def test_the_most_saturated_layer_of_the_latest_look_is_named():
    before, after = Look(2, saturated={"a": 0.1, "b": 0.2}), Look(4, saturated={"a": 0.3, "b": 0.85})
    assert SaturatedUnits().detect([before, after]).message.startswith("85% of the activations of layer b")
    assert SaturatedUnits().detect([after, before]) is None
    assert SaturatedUnits().detect([Look(2, saturated={"a": float("nan")})]) is None
    assert SaturatedUnits().detect([]) is None
