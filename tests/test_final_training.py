"""The last training of a fix."""

import dataclasses

import mlflow
import pytest

import remedy
from remedy.evidence.evidence import Evidence
from remedy.repair import final_training
from remedy.repair.final_training import LastTraining, train_proven
from remedy.search import confirmation
from remedy.search.proof import Proof
from remedy.training.fit_recipe import BestEpoch

from .conftest import sick_program

PROOF = Proof((0.3,) * 3, (0.8,) * 3, constant=1 / 3, seeds=(1, 2, 3))


class _Recorder:
    def __init__(self, *scores):
        self.scores, self.examination = scores, type("Examination", (), {"diagnoses": ()})
        self.evidence = type("Evidence", (), {"val_score": scores})


@pytest.mark.parametrize(
    ("trainings", "scores", "interrupted", "whole"),
    [
        ([LastTraining(_Recorder(0.8))], (0.8,), False, True),
        ([LastTraining(_Recorder(0.4)), LastTraining(_Recorder(0.7))], (0.7,), False, True),
        ([LastTraining(_Recorder(0.4), interrupted=True, whole=False)], (0.4,), True, False),
        ([LastTraining(_Recorder(0.4)), LastTraining(_Recorder(0.7), True, False)], (0.4,), True, True),
    ],
    ids=["went well", "a second try", "interrupted", "interrupted in the second try"],
)
def test_the_better_training_is_taken_and_a_second_one_that_was_interrupted_is_not(
    monkeypatch, trainings, scores, interrupted, whole
):
    left = list(trainings)
    monkeypatch.setattr(final_training, "train_in_full", lambda *_: left.pop(0))
    found = train_proven(None, None, PROOF, None, None, None)
    assert (found.recorder.scores, found.interrupted, found.whole) == (scores, interrupted, whole)
    assert not left


class _Weighted:
    def __init__(self):
        self.epoch = None

    def get_weights(self):
        return self.epoch

    def set_weights(self, weights):
        self.epoch = weights


def _kept(scores, recalls, tolerance):
    """Return the epoch whose weights a training with such scores ends with."""
    model, best = _Weighted(), None
    for epoch in range(len(scores)):
        seen = Evidence(val_score=scores[: epoch + 1], val_recalls=recalls[: epoch + 1] if recalls else None)
        best = best or BestEpoch(lambda: seen, tolerance)  # noqa: B023
        best.set_model(model)
        model.epoch = epoch
        best.on_epoch_end(epoch)
    best.on_train_end()
    return model.epoch


def test_of_epochs_that_chance_may_have_put_in_order_the_one_is_kept_that_spares_no_class():
    scores, recalls = (0.5, 0.68, 0.70, 0.69), ((0.5, 0.5), (0.6, 0.7), (0.1, 1.0), (0.2, 1.0))
    assert _kept(scores, recalls, 0.03) == 1
    assert _kept(scores, recalls, 0.005) == 2


def test_without_classes_the_latest_epoch_is_kept_whose_score_is_nearly_the_best():
    assert _kept((0.2, 0.9, 0.4, 0.88, 0.1), None, 0.03) == 3


def test_a_fix_with_nothing_to_compare_it_with_is_handed_over_unconfirmed_logged_and_shown(store, monkeypatch):
    whole = confirmation.prove

    def short(*arguments):
        proof = whole(*arguments)
        one = {"treated": proof.treated[:1], "seeds": proof.seeds[:1], "evidence": (None, proof.evidence[1])}
        return dataclasses.replace(proof, baseline=(), longer=(), metrics={}, **one)

    monkeypatch.setattr(confirmation, "prove", short)
    model, X, y = sick_program()
    few = ["scale-inputs", "class-weights"]  # A search of all takes four times as long.
    search = remedy.Search(trials=4, timeout=40)
    result = remedy.fit(model, X, y, epochs=8, validation_split=0.2, verbose=0, search=search, remedies=few)
    assert result.fix is not None
    assert not result.fix.confirmed
    assert result.fix.baseline_score is None
    assert "nothing was compared" in result.conclusion
    assert "with nothing to compare it with" in str(result.fix)
    assert "Not confirmed" in result.fix._repr_html_()
    run = mlflow.get_run(result.fix.run_id)
    assert run.data.metrics["score_after"] == pytest.approx(result.fix.score)
    assert "score_before" not in run.data.metrics
