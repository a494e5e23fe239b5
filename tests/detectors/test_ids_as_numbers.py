from dataclasses import replace

import numpy as np
import pytest

from remedy.detectors import IdsAsNumbers, UnscaledInput
from remedy.evidence.data_facts import input_facts

RNG = np.random.default_rng(0)


def padded_words(front=False, rows=300, steps=40):
    X = RNG.integers(1, 800, (rows, steps))
    for row, words in zip(X, RNG.integers(12, steps, rows), strict=True):
        row[slice(None, steps - words) if front else slice(words, None)] = 0
    return X


def detect(X):
    return IdsAsNumbers().detect(input_facts(X))


@pytest.mark.parametrize("front", [False, True], ids=["padded behind", "padded in front"])
def test_padded_ids_that_no_embedding_reads_fire_and_are_not_to_be_scaled(front):
    facts = input_facts(padded_words(front).astype("float32"))
    assert IdsAsNumbers().detect(facts).measured == {"words": 800.0}
    assert UnscaledInput().detect(facts) is None


def digits():
    strokes = RNG.integers(0, 256, (300, 28, 28)) * (RNG.random((300, 28, 28)) < 0.3)
    strokes[:, :, :4] = strokes[:, :, -4:] = 0
    return strokes.reshape(300, 784)


def table():
    return np.column_stack([RNG.integers(0, 10 ** (1 + k % 4), 300) for k in range(12)])


def signal():
    wave = 500 + 400 * np.sin(np.arange(60) / 6 + RNG.uniform(0, 6, (300, 1)))
    return np.where(np.arange(60) < RNG.integers(30, 61, (300, 1)), wave.round(), 0)


@pytest.mark.parametrize(
    "X",
    [digits(), table(), signal(), RNG.integers(0, 2, (300, 40)), RNG.integers(0, 900, (300, 4)), RNG.random((300, 40))],
    ids=["pixels", "a table of counts", "padded samples", "flags", "few columns", "fractions"],
)
def test_other_whole_numbers_are_silent(X):
    assert detect(X) is None


def test_ids_that_an_embedding_reads_are_silent():
    assert IdsAsNumbers().detect(input_facts(padded_words(), ["words"], {"words": True})) is None


def test_counts_that_the_model_normalizes_itself_are_silent():
    facts = [replace(facts, normalized_inside=True) for facts in input_facts(padded_words())]
    assert IdsAsNumbers().detect(facts) is None
