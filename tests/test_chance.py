"""What chance alone leads by on rows set aside."""

import numpy as np
import pytest

from remedy.data.scores import balanced_accuracy, macro_f1, r2
from remedy.search.chance import Dependence, correlation, lead_by_chance

N = 2000


def _rate(score, constant, limit):
    return np.mean([score(*pair) > constant + limit for pair in _draws()])


def _draws():
    rng = np.random.default_rng(0)
    return [(rng.integers(0, 2, 60), rng.random((60, 1))) for _ in range(N)]


def test_answers_drawn_at_random_lead_by_more_in_one_of_a_hundred_draws():
    limit = lead_by_chance("binary", np.arange(60) % 2, 0.01)
    assert _rate(balanced_accuracy, 0.5, limit) <= 0.015
    assert _rate(balanced_accuracy, 0.5, limit / 2) > 0.05


@pytest.mark.parametrize("variance", [0.02, 0.1, 0.3])
def test_numbers_drawn_at_random_lead_by_more_in_one_of_a_hundred_draws(variance):
    rng = np.random.default_rng(0)
    limit = lead_by_chance("regression", np.zeros(60), 0.01)
    drawn = [(rng.normal(size=60), np.sqrt(variance) * rng.normal(size=60)) for _ in range(N)]
    assert np.mean([r2(*pair) > limit for pair in drawn]) <= 0.015


def test_several_labels_drawn_at_random_lead_by_more_in_one_of_a_hundred_draws():
    rng = np.random.default_rng(0)
    limit = lead_by_chance("multilabel", np.ones((60, 3)) * (np.arange(60) % 2)[:, None], 0.01)
    drawn = [(rng.random((60, 3)) > 0.5, rng.random((60, 3))) for _ in range(N)]
    assert np.mean([macro_f1(*pair) > 2 / 3 + limit for pair in drawn]) <= 0.015


def test_rows_of_a_unit_that_are_answered_alike_say_as_much_as_one():
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(30), 10)
    limits = []
    wrong = 0
    for _ in range(N):
        y = rng.permutation(np.arange(30) % 2)[units]
        answers = rng.random(30)[units][:, None]
        alike = correlation("binary", y, answers, units)
        limits.append(lead_by_chance("binary", y, 0.01, Dependence(units, alike)))
        wrong += balanced_accuracy(y, answers) > 0.5 + limits[-1]
    assert np.median(limits) == pytest.approx(lead_by_chance("binary", np.arange(30) % 2, 0.01), abs=0.02)
    assert wrong / N <= 0.015


def test_rows_of_a_unit_that_are_answered_each_by_itself_say_as_much_as_any():
    rng = np.random.default_rng(0)
    units, y = np.repeat(np.arange(30), 10), rng.integers(0, 2, 300)
    alike = correlation("binary", y, rng.random((300, 1)), units)
    assert alike < 0.1
    assert lead_by_chance("binary", y, 0.01, Dependence(units, alike)) < 1.4 * lead_by_chance("binary", y, 0.01)


def test_where_nothing_differs_between_rows_their_dependence_is_taken_for_complete():
    units = np.repeat(np.arange(5), 10)
    assert correlation("binary", np.ones(50), np.ones((50, 1)), units) == 1.0
    assert correlation("regression", np.arange(50.0), np.arange(50.0), np.arange(50)) == 1.0
    assert lead_by_chance("binary", np.arange(50) // 10 % 2, 0.01, Dependence(units)) > 0.4


def test_a_model_that_is_as_good_as_another_leads_it_by_more_in_one_of_a_hundred_draws():
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    limit = lead_by_chance("binary", y, 0.01, above=0.9)
    drawn = [np.where(rng.random(120) < 0.9, y, 1 - y)[:, None] for _ in range(N)]
    assert np.mean([balanced_accuracy(y, answers) > 0.9 + limit for answers in drawn]) <= 0.015
    assert limit < 0.7 * lead_by_chance("binary", y, 0.01)


def test_of_numbers_chance_explains_a_share_of_what_another_model_leaves_unexplained():
    y = np.zeros(40)
    assert lead_by_chance("regression", y, 0.01, above=0.75) == pytest.approx(lead_by_chance("regression", y, 0.01) / 4)
    assert lead_by_chance("regression", y, 0.01, above=-1.0) == lead_by_chance("regression", y, 0.01)
