from dataclasses import replace

from remedy.detectors import DestroyedWeights
from remedy.evidence.records import LayerFacts, Start

BEGAN = Start(2, 8, "head", score=0.75, error=0.03, constant=0.2)


def detect(scores, planned=15, start=BEGAN, loss=(1.63, 1.6, 1.61, 1.6), **more):
    return DestroyedWeights().detect(start, scores, loss, planned, prior_loss=1.6, **more)


def test_a_net_that_answers_all_alike_where_its_features_told_classes_apart_fires():
    assert detect((0.2, 0.2, 0.2)).measured == {"network": 0.2, "start": 0.75, "constant": 0.2}


def test_at_the_end_it_fires_where_most_of_the_way_was_lost():
    assert detect((0.3, 0.35, 0.38, 0.4), planned=4) is not None
    assert detect((0.3, 0.35, 0.38, 0.4), planned=40) is None


def test_a_net_that_has_come_as_far_as_its_features_is_silent():
    assert detect((0.3, 0.6, 0.72), planned=3) is None


def test_a_fresh_head_that_has_just_begun_to_learn_is_silent():
    assert detect((0.2, 0.2, 0.22), loss=(1.9, 1.8, 1.7)) is None
    assert detect((0.2, 0.2, 0.22), loss=(1.6, 1.5, 1.5)) is None


def test_features_that_tell_nothing_and_layers_that_are_frozen_are_no_loss():
    assert detect((0.2, 0.2, 0.2), start=replace(BEGAN, score=0.25)) is None
    assert detect((0.2, 0.2, 0.2), layers=(LayerFacts("head", "Dense", frozen=True),)) is None
