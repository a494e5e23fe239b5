import keras
import pytest

from remedy import registry
from remedy.detectors.slow_learning import SlowLearning
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import Evidence, Shallow

from ..conftest import blobs, dense, stuck_run_of
from ..watch import named, watched

FOREST = Shallow(2, 0.95, 0.01, 0.5, "a forest of trees")


def _trained(rate, epochs, seed=1):
    return watched(
        *stuck_run_of(dense(optimizer=keras.optimizers.SGD(rate)), *blobs(rows=500), epochs=epochs), seed=seed
    )


def _judged(probe_loss, probe_score=None, planned=10, shallow=FOREST):
    """Judge a binary training of which a constant answer costs 0.69 and scores a half."""
    evidence = Evidence(
        loss=tuple(probe_loss),
        probe_loss=tuple(probe_loss),
        probe_score=tuple(probe_score or [0.5] * len(probe_loss)),
        epochs_planned=planned,
        prior_loss=0.69,
        constant_score=0.5,
        shallow=shallow,
    )
    return next(iter(diagnose(evidence, registry.detectors(["OPT407"])).diagnoses), None)


def test_a_rate_that_hardly_moves_the_weights_is_found_in_the_fifth_epoch():
    recorder = _trained(3e-5, 7)
    found = next(d for d in recorder.examination.diagnoses if d.name == "slow-learning")
    assert found.epoch == 5
    assert 0 < found.measured["fall_an_epoch"] < 0.01
    assert "a constant answer costs 1.094" in found.message
    assert recorder.examination.stuck


def test_the_same_net_at_a_usual_rate_is_left_alone():
    recorder = _trained(0.05, 7)
    assert "slow-learning" not in named(recorder)
    assert not recorder.examination.stuck


def test_a_single_epoch_at_a_tiny_rate_is_too_few():
    recorder = _trained(1e-4, 1, seed=13)  # From this seed the first answers are worse than a constant one.
    found = next(d for d in recorder.examination.diagnoses if d.name == "slow-learning")
    assert found.message.startswith("The one planned epoch ends with a loss of")
    assert recorder.examination.stuck


def test_a_single_epoch_at_a_usual_rate_is_enough():
    recorder = _trained(0.1, 1, seed=13)
    assert "slow-learning" not in named(recorder)
    assert not recorder.examination.stuck


def test_a_loss_above_the_constant_answer_is_continued_to_the_planned_end():
    far = _judged([0.760, 0.758, 0.756, 0.754, 0.752], planned=20)
    assert far.measured["epochs_left"] == 15
    assert far.measured["expected_loss"] == pytest.approx(0.752 * (0.752 / 0.756) ** (15 / 2))
    assert _judged([0.760, 0.758, 0.756, 0.754, 0.752], planned=200) is None
    assert _judged([0.90, 0.86, 0.82, 0.78, 0.74], planned=20) is None
    assert _judged([0.694, 0.693, 0.692, 0.692, 0.692], planned=20) is None


def test_late_in_the_plan_a_loss_that_hardly_moves_is_found_far_behind_a_shallow_model():
    crawling = [0.660, 0.656, 0.652, 0.648, 0.644, 0.640, 0.636, 0.632]
    found = _judged(crawling, [0.6] * 8)
    assert "the score is 0.60, a forest of trees reaches 0.95 and a constant answer 0.50" in found.message
    assert found.measured["epochs_left"] == 2
    assert _judged(crawling, [0.6] * 8, planned=20) is None
    assert _judged(crawling, [0.8] * 8) is None
    assert _judged([0.66, 0.64, 0.60, 0.56, 0.50, 0.42, 0.34, 0.26], [0.6] * 8) is None
    assert _judged(crawling, [0.6] * 8, shallow=Shallow(2, 0.58, 0.01, 0.5, "a forest of trees")) is None


def test_epochs_that_end_while_the_loss_is_falling_steeply_were_too_few():
    falling, scores = [0.66, 0.60, 0.54, 0.48, 0.43], [0.6, 0.65, 0.70, 0.74, 0.78]
    assert "too few epochs" in _judged(falling, scores, planned=5).message
    assert _judged(falling, scores, planned=6) is None
    assert _judged(falling, [0.6, 0.7, 0.8, 0.88, 0.92], planned=5) is None
    assert _judged([0.45, 0.44, 0.43, 0.425, 0.42], scores, planned=5) is None


def test_a_single_epoch_that_left_the_constant_answer_is_left_alone():
    assert _judged([0.9], [0.52], planned=1).epoch == 1
    assert _judged([0.65], [0.52], planned=1) is None
    assert _judged([0.9], [0.80], planned=1) is None
    assert _judged([0.9], [0.52], planned=1, shallow=None) is None


def test_a_learning_rate_that_has_decayed_away_is_named():
    says = SlowLearning().detect(
        loss=[0.80, 0.76, 0.752, 0.751, 0.7505],
        epochs_planned=20,
        prior_loss=0.69,
        learning_rate=[0.1, 0.03, 0.01, 0.003, 0.001],
    )
    assert "the learning rate has decayed from 0.1 to 0.001" in says.message


def test_epochs_were_too_few_also_where_the_falling_loss_ends_far_behind():
    falling = [1.10, 0.62, 0.55, 0.49, 0.43]
    assert "too few epochs" in _judged(falling, [0.5, 0.55, 0.60, 0.65, 0.70], planned=5).message


@pytest.mark.parametrize(
    ("loss", "score"),
    [
        ([2.90, 2.61, 2.00, 1.73, 1.24, 0.52, 4.77, 4.56, 1.94, 1.63], [0.79, 0.79, 0.77, 0.78] + [0.7] * 6),
        ([0.4, 0.6, 0.48] + [0.6, 0.48] * 4, [0.55] * 11),
    ],
    ids=["high above", "between two values"],
)
def test_a_loss_that_swings_because_the_steps_are_too_long_is_not_called_slow(loss, score):
    for epochs in range(1, len(loss) + 1):
        assert _judged(loss[:epochs], score[:epochs], planned=12) is None
