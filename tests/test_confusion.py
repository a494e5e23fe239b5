"""Confusion matrices: counted on the rows set aside, in the user's own labels, in one order of classes."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.metrics import confusion_matrix, recall_score

from remedy.data import scores
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import scorer_for
from remedy.evidence.confusion import Confusion, confusions
from remedy.evidence.evidence import Evidence
from remedy.recipe.recipe import Recipe
from remedy.recipe.target_coding import TargetCoding
from remedy.training.engines._base import Job
from remedy.training.engines.inline import InlineEngine

from .conftest import blobs, dense, stuck_run_of


def _trained(recipe, data):
    """The evidence of a training judged by the rows set aside, and what its model answers to them."""
    data = data.for_search(0)
    engine = InlineEngine(data, scorer_for(data.task, data.holdout.target), ())
    outcome = engine.train(Job(recipe, 0, 3, "a", judge_by="holdout"))
    assert outcome.error is None
    return outcome.evidence, data.holdout, engine.model("a").predict(data.holdout.X, verbose=0)


def _headed(X, y, head, loss, task):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input(X.shape[1:]), layers.Dense(8, "relu"), head])
    model.compile(keras.optimizers.Adam(0.01), loss)
    return Recipe.from_model(model, {"epochs": 3, "batch_size": 32}), Dataset(Rows(X, y), None, task)


def test_the_matrix_of_a_training_is_that_of_scikit_learn_on_the_rows_set_aside():
    recipe, data = stuck_run_of(dense(classes=4), *blobs(classes=4, shares=[0.4, 0.3, 0.2, 0.1]))
    evidence, held, answers = _trained(recipe, data)
    matrix, _ = confusions(evidence, evidence)
    wanted = confusion_matrix(held.y.argmax(-1), answers.argmax(-1), labels=range(4))
    assert np.array_equal(matrix.counts, wanted)
    assert matrix.labels == ("0", "1", "2", "3")
    assert matrix.recalls == pytest.approx(recall_score(held.y.argmax(-1), answers.argmax(-1), average=None))


def test_labels_of_minus_one_and_one_keep_their_names_also_where_a_remedy_has_coded_them():
    X, hot = blobs(classes=2)
    y = hot.argmax(-1).astype("float32") * 2 - 1
    recipe, data = _headed(X, y, layers.Dense(1, "sigmoid"), "binary_crossentropy", "binary")
    plain, held, answers = _trained(recipe, data)
    coded, _, coded_answers = _trained(recipe.replace(target=TargetCoding("binary", (-1.0, 1.0))), data)
    before, after = confusions(plain, coded, (-1.0, 1.0))
    assert before.labels == after.labels == ("-1", "1")
    for matrix, guesses in ((before, answers), (after, coded_answers)):
        wanted = confusion_matrix(held.y, np.where(guesses[:, 0] > 0.5, 1, -1), labels=[-1, 1])
        assert np.array_equal(matrix.counts, wanted)


def test_labels_that_count_from_one_stand_beside_the_unit_that_none_of_them_names():
    X, hot = blobs(classes=3)
    y = hot.argmax(-1) + 1
    head = layers.Dense(4, "softmax")
    evidence, held, answers = _trained(*_headed(X, y, head, "sparse_categorical_crossentropy", "multiclass"))
    matrix, _ = confusions(evidence, evidence)
    assert matrix.labels == ("0", "1", "2", "3")
    assert matrix.recalls[0] is None
    assert np.array_equal(matrix.counts, confusion_matrix(held.y, answers.argmax(-1), labels=range(4)))


def test_of_several_labels_a_row_each_has_the_recall_of_scikit_learn_and_one_that_never_occurs_has_none():
    X, hot = blobs(classes=3)
    y = np.stack([hot[:, 0], hot[:, 0] + hot[:, 1], np.zeros(len(X))], axis=1).astype("float32")
    head = layers.Dense(3, "sigmoid")
    evidence, held, answers = _trained(*_headed(X, y, head, "binary_crossentropy", "multilabel"))
    matrix, _ = confusions(evidence, evidence)
    wanted = recall_score(held.y, answers > 0.5, average=None, zero_division=0)
    assert matrix.recalls[:2] == pytest.approx(wanted[:2])
    assert matrix.recalls[2] is None
    assert matrix.missed is not None


def test_answers_of_a_regression_are_in_the_users_own_unit_whatever_it_was_trained_on():
    X, _ = blobs()
    y = (500 + 100 * X[:, 0]).astype("float32")
    recipe, data = _headed(X, y, layers.Dense(1), "mse", "regression")
    coding = TargetCoding("standard", (), (float(y.mean()),), (float(y.std()),))
    evidence, held, answers = _trained(recipe.replace(target=coding), data)
    rows = np.array(evidence.answers)
    assert rows[:, 0] == pytest.approx(held.y)
    assert rows[:, 1] == pytest.approx(answers[:, 0] * y.std() + y.mean(), rel=1e-4)


def test_a_training_judged_by_the_rows_that_remedies_are_chosen_by_keeps_no_answers():
    recipe, data = stuck_run_of(dense(), *blobs())
    data = data.for_search(0)
    engine = InlineEngine(data, scorer_for(data.task, data.holdout.target), ())
    assert engine.train(Job(recipe, 0, 1, "a")).evidence.confusion is None


def test_what_was_counted_survives_the_store_and_is_gone_from_evidence_of_earlier_epochs():
    evidence = Evidence(loss=(1.0, 0.5), confusion=((0.0, 1.0, 5),), answers=((1.0, float("nan")),))
    again = Evidence.from_dict(json.loads(json.dumps(evidence.to_dict())))
    assert again.confusion == evidence.confusion
    assert np.isnan(again.answers[0][1])
    assert evidence.until(2).confusion
    assert evidence.until(1).confusion is None


def test_a_class_that_never_occurs_has_a_row_of_nothing_and_both_sides_the_same_order():
    before = Evidence(task="multiclass", predicted_counts=((10, 0, 0),), confusion=((0.0, 0.0, 8), (2.0, 0.0, 2)))
    after = Evidence(task="multiclass", predicted_counts=((8, 0, 2),), confusion=((0.0, 0.0, 8), (2.0, 2.0, 2)))
    first, second = confusions(before, after)
    assert first.labels == second.labels == ("0", "1", "2")
    assert first.counts == ((8, 0, 0), (0, 0, 0), (2, 0, 0))
    assert second.support == (8, 0, 2)
    assert first.recalls == (1.0, None, 0.0)
    assert first.shares[1] == [None, None, None]


def test_without_counts_on_either_side_there_is_no_matrix():
    known = Evidence(task="binary", confusion=((0.0, 0.0, 8),))
    assert confusions(known, Evidence()) is None
    assert confusions(None, known) is None
    assert confusions(known, known) == (Confusion(("0",), ((8,),)), Confusion(("0",), ((8,),)))


def test_labels_that_a_class_id_cannot_tell_apart_are_counted_by_their_ids():
    y = np.array([-1.0, 0.0, 1.0])
    assert scores.confusion("multiclass", y, np.eye(3)) == ((0.0, 0.0, 1), (0.0, 1.0, 1), (1.0, 2.0, 1))


def test_of_many_rows_of_a_regression_three_hundred_answers_are_kept():
    y = np.arange(1000.0)
    kept = scores.answers(y, y[:, None])
    assert len(kept) == 300
    assert kept[0] == (0.0, 0.0)
    assert kept[-1] == (999.0, 999.0)
