"""From logged metrics to evidence: names, clocks, and that healthy loops of every kind are left alone."""

import mlflow
import numpy as np
import pytest

from remedy import registry
from remedy.tracking import logged_evidence
from remedy.tracking.metric_history import Points, newer_points, read_points

from .bare_loop import trained

DETECTORS = registry.detectors()
START = 1_700_000_000_000


def points(values, steps=None, times=None):
    """A history with a point a second."""
    steps = np.arange(len(values)) if steps is None else np.asarray(steps)
    times = START + 1000 * steps if times is None else np.asarray(times)
    return Points(steps, times, np.asarray(values, dtype=float))


def ways_to_log(steps, per_epoch):
    """The histories of one training as different loops log them."""
    epochs, ends = np.arange(len(per_epoch)), (np.arange(len(per_epoch)) + 1) * (len(steps) // len(per_epoch)) - 1
    loss, held, accuracy = per_epoch.T
    by_step = points(steps)
    by_epoch = points(loss, epochs)
    return {
        "epoch": {"loss": by_epoch},
        "epoch and validation": {
            "train_loss": by_epoch,
            "val_loss": points(held, epochs),
            "val_acc": points(accuracy, epochs),
        },
        "step": {"loss": by_step},
        "every tenth step": {"loss": points(steps[::10], np.arange(len(steps))[::10])},
        "step and validation": {
            "train/loss": by_step,
            "val/loss": points(held, ends),
            "val/acc": points(accuracy, ends),
        },
        "Lightning": {
            "train_loss_step": by_step,
            "train_loss_epoch": points(loss, ends),
            "val_loss": points(held, ends),
        },
    }


def told_live(histories_, polls=8):
    """Names of the errors that a watch would see while these histories grow, and at their end."""
    last = max(series.times[-1] for series in histories_.values())
    seen = set()
    for share in (*np.linspace(0.02, 1, polls), None):
        until = last if share is None else START + share * (last - START)
        grown = {
            name: Points(*(a[s.times <= until] for a in (s.steps, s.times, s.values))) for name, s in histories_.items()
        }
        found = logged_evidence.examine(logged_evidence.evidence_of(grown, running=share is not None), DETECTORS)
        seen |= {d.name for d in found.diagnoses if d.severity == "error"}
    return seen


@pytest.mark.parametrize(
    ("name", "kind", "validation"),
    [
        ("loss", "loss", False),
        ("train_loss", "loss", False),
        ("train/loss", "loss", False),
        ("Loss/train", "loss", False),
        ("trainLoss", "loss", False),
        ("training loss", "loss", False),
        ("train_loss_step", "loss", False),
        ("val_loss", "loss", True),
        ("eval_loss", "loss", True),
        ("Loss/validation", "loss", True),
        ("valid.loss", "loss", True),
        ("test_loss", "loss", True),
        ("acc", "accuracy", False),
        ("train_accuracy", "accuracy", False),
        ("Val Acc", "accuracy", True),
        ("eval_accuracy", "accuracy", True),
        ("sparse_categorical_accuracy", "accuracy", False),
        ("learning_rate", "learning_rate", False),
        ("lr-Adam", "learning_rate", False),
    ],
)
def test_the_usual_names_of_metrics_are_known(name, kind, validation):
    assert logged_evidence.chosen({name: 10}) == {("val_" if validation else "") + kind: name}


@pytest.mark.parametrize("name", ["grad_norm", "system/cpu_utilization_percentage", "f1", "epoch", "rate", "blossom"])
def test_other_metrics_are_not_taken_for_a_loss(name):
    assert logged_evidence.chosen({name: 10}) == {}


def test_of_several_losses_the_one_by_epoch_or_the_longest_is_taken():
    assert logged_evidence.chosen({"train_loss_step": 500, "train_loss_epoch": 9})["loss"] == "train_loss_epoch"
    assert logged_evidence.chosen({"train_loss_step": 50, "train_loss_epoch": 1})["loss"] == "train_loss_step"
    assert logged_evidence.chosen({"loss": 40, "train_loss": 1, "eval_loss": 8}) == {
        "loss": "loss",
        "val_loss": "eval_loss",
    }
    assert logged_evidence.chosen({"test_loss": 90, "val_loss": 9})["val_loss"] == "val_loss"
    assert logged_evidence.chosen({"box_loss": 40})["loss"] == "box_loss"
    assert "loss" not in logged_evidence.chosen({"box_loss": 40, "mask_loss": 40})


@pytest.mark.parametrize("batch", [16, 64, 400])
@pytest.mark.parametrize("regression", [False, True], ids=["classes", "regression"])
@pytest.mark.parametrize("rate", [0.005, 0.05])
def test_a_healthy_loop_is_left_alone_however_it_logs(rate, regression, batch):
    for way, logged in ways_to_log(*trained(rate, batch, regression=regression)).items():
        assert told_live(logged) == set(), way


@pytest.mark.parametrize("regression", [False, True], ids=["classes", "regression"])
def test_a_loop_that_trains_no_weights_is_found_however_it_logs(regression):
    ways = ways_to_log(*trained(batch=16, frozen=True, epochs=20, regression=regression))
    del ways["every tenth step"]  # Two hundred losses of sixteen rows are no basis.
    for way, logged in ways.items():
        assert "flat-loss" in told_live(logged), way


def test_a_loop_whose_rate_is_far_too_high_is_found_however_it_logs():
    for way, logged in ways_to_log(*trained(0.6, regression=True)).items():
        assert told_live(logged) & {"diverging-loss", "non-finite-loss"}, way


def test_an_accuracy_that_rests_at_chance_is_found_though_the_loss_fell_at_first():
    loss = [2.61, 2.31, *[2.3026] * 8]
    logged = {"loss": points(loss), "val_loss": points(loss), "val_acc": points(np.full(10, 10.0))}
    assert told_live(logged) == {"constant-accuracy"}


def test_what_lies_between_two_validations_is_an_entry():
    steps, per_epoch = trained(epochs=6)
    found = logged_evidence.evidence_of(ways_to_log(steps, per_epoch)["step and validation"])
    assert found.evidence.loss == pytest.approx(per_epoch[:, 0])
    assert found.evidence.val_loss == pytest.approx(per_epoch[:, 1])
    assert found.evidence.metrics["val_accuracy"] == pytest.approx(per_epoch[:, 2])
    assert (found.width, found.step(2)) == (50, 99)


def test_validation_that_counts_epochs_is_put_beside_a_loss_that_counts_steps_by_time():
    steps, per_epoch = trained(epochs=6)
    logged = ways_to_log(steps, per_epoch)["step and validation"]
    held = logged["val/loss"]
    logged["val/loss"] = points(held.values, np.arange(6), held.times)
    assert logged_evidence.evidence_of(logged).evidence.val_loss == pytest.approx(per_epoch[:, 1])


def test_a_counter_of_batches_that_begins_anew_in_each_epoch_is_put_in_the_order_of_time():
    falling = np.linspace(2, 0.5, 60)
    logged = {"loss": points(falling, np.arange(60) % 20, START + 1000 * np.arange(60))}
    assert logged_evidence.evidence_of(logged).evidence.loss == pytest.approx(falling)
    unstepped = {"loss": points(falling, np.zeros(60, int), START + 1000 * np.arange(60))}
    assert logged_evidence.evidence_of(unstepped).evidence.loss == pytest.approx(falling)


def test_a_nan_that_the_run_got_over_is_no_diagnosis_and_one_that_stays_is():
    over = np.concatenate([np.linspace(2, 1, 20), [np.nan], np.linspace(1, 0.5, 20)])
    assert told_live({"loss": points(over)}) == set()
    assert told_live({"loss": points(np.append(over, [np.nan] * 5))}) == {"non-finite-loss"}
    few = {"loss": points([2.0, np.nan])}
    assert told_live(few) == {"non-finite-loss"}  # Also where little was logged.
    held = {"loss": points(np.linspace(2, 1, 8)), "val_loss": points([2, 1.9, 1.8, 1.7, *[np.inf] * 4])}
    found = logged_evidence.examine(logged_evidence.evidence_of(held), DETECTORS)
    assert (found.cause.name, found.cause.epoch) == ("non-finite-loss", 5)


def test_little_of_a_running_run_is_no_sign_of_anything():
    resting = {"loss": points(np.full(20, 2.3026))}
    assert logged_evidence.evidence_of(resting, running=True).evidence.loss == ()
    assert len(logged_evidence.evidence_of(resting).evidence.loss) == 20


def test_a_diagnosis_says_that_an_epoch_is_a_stretch_of_steps():
    found = logged_evidence.examine(logged_evidence.evidence_of({"loss": points(np.full(1000, 2.3026))}), DETECTORS)
    assert "an epoch here is 8 points" in found.cause.message


def test_a_store_gives_back_what_was_logged_at_once_and_piece_by_piece(store):
    mlflow.set_tracking_uri(f"sqlite:///{store}/own.db")
    values = [2.0, 1.0, float("nan"), float("inf"), float("-inf"), 0.5]
    with mlflow.start_run() as run:
        run_id = run.info.run_id
        for step, value in enumerate(values[:3]):
            mlflow.log_metric("loss", value, step=step)
        early = read_points(run_id, ["loss"])["loss"]
        for step, value in enumerate(values[3:], start=3):
            mlflow.log_metric("loss", value, step=step)
    whole = read_points(run_id, ["loss"])["loss"]
    assert np.array_equal(whole.values, values, equal_nan=True)
    grown = newer_points(run_id, "loss", early)
    for part in ("steps", "times", "values"):
        assert np.array_equal(getattr(grown, part), getattr(whole, part), equal_nan=part == "values")
    assert len(read_points(run_id, ["nothing"])["nothing"]) == 0
