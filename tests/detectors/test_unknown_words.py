import numpy as np

from remedy.detectors import CutText, UnknownWords
from remedy.evidence.data_facts import input_facts
from remedy.evidence.vocabulary import with_vocabulary

from ..test_text import reader, reviews

TEXTS, _ = reviews(100)


def facts(adapted_to):
    return with_vocabulary(input_facts(TEXTS), reader(adapted_to, "adam"), TEXTS)


def test_a_vocabulary_of_other_texts_fires():
    assert UnknownWords().detect(facts(np.array(["other words"], dtype=object))).measured == {"unknown": 1.0}


def test_a_vocabulary_of_these_texts_is_silent():
    assert UnknownWords().detect(facts(TEXTS)) is None


def test_rows_without_text_know_no_words():
    X = np.zeros((4, 3))
    known = with_vocabulary(input_facts(X), reader(TEXTS, "adam"), X)
    assert UnknownWords().detect(known) is None
    assert CutText().detect(known) is None
