import keras
from keras import layers

from remedy.remedies.regularise import Regularise
from remedy.testing import check_patch, check_rewritten, check_unchanged

from ..conftest import blobs, dense, stuck_run_of


def _penalised():
    keras.utils.set_random_seed(0)
    given = {"kernel_regularizer": keras.regularizers.L1L2(0.1, 0.1), "activity_regularizer": "l1"}
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu", **given), layers.Dense(3, "softmax")])
    model.compile("adam", "categorical_crossentropy")
    return stuck_run_of(model, *blobs())


def test_a_penalty_is_lifted_first_and_made_mild_second():
    recipe, data = _penalised()
    assert [dose["strength"] for dose in Regularise().usual_doses(recipe, data)] == [0.0, 1e-4]
    changed = check_rewritten(Regularise(), recipe, data, train=False, strength=0.0)
    check_patch(Regularise(), recipe, data, strength=0.0)
    assert not changed.build(data, 0).losses


def test_a_net_without_penalty_gets_a_mild_one():
    recipe, data = stuck_run_of(dense(), *blobs())
    dose = Regularise().usual_doses(recipe, data)[0]
    assert dose == {"strength": 1e-3}
    assert len(Regularise().apply(recipe, data, **dose).build(data, 0).losses) == 2
    check_unchanged(Regularise(), recipe, data, strength=0.0)
