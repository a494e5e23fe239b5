"""The last training of a fix."""

import pytest

from remedy import final_training
from remedy.confirm import Proof
from remedy.final_training import LastTraining, train_proven

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
