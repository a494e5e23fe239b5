import keras
from keras import layers

from remedy.detectors import CutText
from remedy.evidence.data_facts import input_facts
from remedy.evidence.vocabulary import with_vocabulary

from ..test_text import reviews

TEXTS, _ = reviews(100)


def detect(length):
    words = layers.TextVectorization(output_sequence_length=length)
    words.adapt(TEXTS)
    model = keras.Sequential([keras.Input((), dtype="string"), words, layers.Embedding(300, 4)])
    return CutText().detect(with_vocabulary(input_facts(TEXTS), model, TEXTS))


def test_a_model_that_reads_three_words_of_ten_fires():
    assert 0.6 < detect(3).measured["cut"] < 0.8


def test_one_that_reads_whole_texts_is_silent():
    assert detect(16) is None
