"""What every stage of a search works with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from remedy.data.dataset import Dataset
from remedy.prescription import lengthening
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.search.budget import Budget, Pace
from remedy.search.ledger import Ledger
from remedy.search.options import Listener, Search
from remedy.search.stopping import StoppingRule
from remedy.training.engines._base import Engine


@dataclass
class SearchContext:
    """What is treated, with what, in which time, and what came of it so far.

    Attributes:
        dataset: The rows of the search, some of them set aside for the proof.
        recipe: The untouched recipe.
        remedies: That may be used.
        engine: Trains.
        options: How the user wants it searched.
        listener: Hears how it goes on.
        budget: What is left of the time.
        rule: What is good enough to end the search.
        pace: What a training may cost, and when a stage ends.
        ledger: What was tried.
    """

    dataset: Dataset
    recipe: Recipe
    remedies: Sequence[Remedy]
    engine: Engine
    options: Search
    listener: Listener
    budget: Budget
    rule: StoppingRule = field(default_factory=StoppingRule)
    pace: Pace = field(init=False)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        """Set the pace, and open the ledger."""
        longer = lengthening(self.remedies)
        self.pace = Pace(self.budget, self.recipe.epochs, len(self.dataset.train), longer, self.engine.at_once)
        self.ledger = Ledger(self.recipe.epochs, self.rule.same, longer)
