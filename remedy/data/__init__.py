"""What a network is trained on: arrays, streams and files, read into rows that are split and scored.

Rows come in through `fit_call` (a call of ``fit``), `files` (what the command line names) and `streams`; `dataset`
holds both sides of the split, `kinship` and `splitting` keep apart what must not stand on both.
"""

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import Scorer, scorer_for

__all__ = ["Dataset", "Rows", "Scorer", "scorer_for"]
