import keras

from remedy.detectors.dead_units import DeadUnits
from remedy.evidence.layers import look
from remedy.evidence.records import Look

from ..conftest import blobs, dense, stuck_run_of
from ..watch import named, watched


def _trained(**values):
    recipe, data = stuck_run_of(dense(optimizer=keras.optimizers.SGD(0.05)), *blobs(rows=500, **values), epochs=5)
    return watched(recipe, data), data


def test_the_first_steps_on_raw_values_kill_a_layer_as_a_whole():
    recorder, _ = _trained(scale=100.0, shift=500.0)
    found = next(d for d in recorder.examination.diagnoses if d.name == "dead-units")
    assert found.epoch == 2
    assert found.measured == {"dead": 1.0, "dead_layers": 1.0}
    assert "1 of 1 such layers are dead as a whole" in found.message
    assert recorder.examination.stuck


def test_the_same_net_on_scaled_values_is_left_alone_also_when_looked_at():
    recorder, data = _trained()
    assert "dead-units" not in named(recorder)
    assert not recorder.examination.stuck
    closer = look(recorder.model, data.train, 5)
    assert closer.dead
    assert DeadUnits().detect([closer]) is None


def test_the_layer_with_most_dead_units_is_named_by_the_latest_look():
    before, after = Look(2, dead={"a": 0.1, "b": 0.2}), Look(4, dead={"a": 0.1, "b": 0.9})
    found = DeadUnits().detect([before, after])
    assert found.message == "90% of the units of layer b are zero on every row."
    assert found.confidence < 0.8
    assert DeadUnits().detect([after, before]) is None


def test_half_of_the_units_and_nets_without_relu_are_left_alone():
    assert DeadUnits().detect([Look(2, dead={"a": 0.5, "b": float("nan")})]) is None
    assert DeadUnits().detect([Look(2)]) is None
    assert DeadUnits().detect([]) is None
