import tracemalloc

import numpy as np
import pytest
from sklearn import metrics

from remedy.data.scores import (
    balanced_accuracy,
    class_ids,
    confusion,
    constant_score,
    is_mask,
    macro_f1,
    r2,
    recalls,
    scorer_for,
)
from remedy.data.task import infer_task
from remedy.errors import InvalidInput


def test_one_class_for_everything_scores_one_over_k_whatever_the_shares():
    y = np.eye(3)[[0] * 90 + [1] * 5 + [2] * 5]
    always_first = np.tile([0.9, 0.05, 0.05], (100, 1))
    assert balanced_accuracy(y, always_first) == pytest.approx(1 / 3)
    assert constant_score("multiclass", y) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("y", "ids"), [([[0, 1], [1, 0]], [1, 0]), ([-1, 1], [0, 1]), ([[2], [0]], [2, 0]), ([True, False], [1, 0])]
)
def test_class_ids_reads_one_hot_signed_column_and_boolean_labels(y, ids):
    assert class_ids(np.array(y)).tolist() == ids


def test_a_logit_is_cut_at_zero_and_a_probability_at_a_half():
    y, output = np.array([0, 1]), np.array([[-0.2], [0.2]])
    assert balanced_accuracy(y, output, logits=True) == 1.0
    assert balanced_accuracy(y, output, logits=False) == 0.5


def test_no_constant_multilabel_answer_beats_the_constant_score():
    y = (np.random.default_rng(0).random((500, 3)) < [0.2, 0.5, 0.8]).astype(float)
    best = max(macro_f1(y, np.tile(p, (500, 1))) for p in np.ndindex(2, 2, 2))
    assert constant_score("multilabel", y) == pytest.approx(best)


def test_answers_that_are_no_number_count_as_far_off_and_not_as_an_error():
    assert r2(np.arange(4.0), np.full(4, np.nan)) == -1.0


def test_an_objective_of_the_users_is_taken_as_it_is():
    def mean(y, output):
        return float(np.mean(output))

    scorer = scorer_for("binary", np.array([0, 1]), mean)
    assert (scorer.name, scorer(np.zeros(2), np.ones(2))) == ("mean", 1.0)


def test_an_unknown_objective_is_refused_with_the_known_ones():
    with pytest.raises(InvalidInput, match="balanced_accuracy, macro_f1, mean_dice, r2"):
        scorer_for("binary", np.array([0, 1]), "acuracy")


@pytest.mark.parametrize("seed", range(5))
def test_scores_and_confusions_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    ids, answers = rng.integers(0, 4, 200), rng.random((200, 4))
    guess, marks = answers.argmax(-1), rng.random((200, 4)) > 0.7
    assert balanced_accuracy(np.eye(4)[ids], answers) == pytest.approx(metrics.balanced_accuracy_score(ids, guess))
    assert macro_f1(marks.astype(float), answers) == pytest.approx(
        metrics.f1_score(marks, answers > 0.5, average="macro")
    )
    close = answers + 0.3 * rng.standard_normal(answers.shape)
    assert r2(answers, close) == pytest.approx(metrics.r2_score(answers, close, multioutput="variance_weighted"))
    counted = np.zeros((4, 4), int)
    for true, predicted, rows in confusion("multiclass", np.eye(4)[ids], answers):
        counted[int(true), int(predicted)] = rows
    np.testing.assert_array_equal(counted, metrics.confusion_matrix(ids, guess))


def test_masks_are_scored_by_the_dice_coefficient_of_every_class_as_scikit_learn_has_it():
    rng = np.random.default_rng(0)
    y = (rng.random((6, 8, 8, 1)) < 0.1).astype("float32")
    output = np.clip(y * 0.7 + rng.random(y.shape) * 0.5, 0, 1)
    scorer = scorer_for("binary", y)
    assert scorer.name == "mean_dice"
    assert scorer(y, output) == pytest.approx(metrics.f1_score(y.ravel(), output.ravel() > 0.5, average="macro"))
    assert scorer.constant == pytest.approx(metrics.f1_score(y.ravel(), np.zeros(y.size), average="macro"))
    several = rng.integers(0, 3, (4, 5, 6))
    assert is_mask(several)
    assert scorer_for("multiclass", several)(several, np.eye(3)[several]) == 1.0


def test_a_class_a_step_is_no_mask():
    steps = np.eye(3)[np.random.default_rng(0).integers(0, 3, (5, 7))]
    assert not is_mask(steps)
    assert scorer_for("multiclass", steps).name == "balanced_accuracy"


def test_a_label_a_step_of_two_values_is_no_one_hot_row():
    steps = np.array([[0, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 1]])
    assert class_ids(steps).tolist() == steps.reshape(-1).tolist()
    assert recalls(steps, np.stack([1 - steps, steps], -1)) == {0: 1.0, 1: 1.0}
    assert infer_task(np.tile(steps, (30, 1)), "binary_crossentropy", 1) == "binary"


def test_masks_are_counted_without_a_copy_as_fractions():
    mask = np.zeros((4, 512, 512, 1), "uint8")
    tracemalloc.start()
    class_ids(mask)
    assert tracemalloc.get_traced_memory()[1] < 10 * mask.nbytes
    tracemalloc.stop()


def test_answers_to_labels_of_minus_one_and_one_are_cut_at_zero():
    y = np.array([-1, -1, 1, 1])
    assert balanced_accuracy(y, np.array([[-0.3], [-0.1], [0.2], [0.4]])) == 1.0
    assert balanced_accuracy(y, np.array([[0.1], [0.2], [0.8], [0.9]])) == 1.0, "a sigmoid answers above 0"


def test_targets_that_a_loss_leaves_out_are_left_out_of_r2():
    y = np.array([[1.0], [np.nan], [3.0], [5.0]])
    assert r2(y, np.array([[1.0], [9.0], [3.0], [5.0]])) == 1.0


def test_raw_scores_are_compared_with_shares_as_shares():
    shares = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    assert r2(shares, np.log(shares), True) == pytest.approx(1.0)
    single = np.array([[0.2], [0.9], [0.4]])
    assert r2(single, np.log(single / (1 - single)), True) == pytest.approx(1.0)
