"""The Optuna study behind a search: one writer, ask and tell."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from remedy.dataset import Dataset
from remedy.engines._base import Outcome
from remedy.prescription import Prescription
from remedy.recipe import Recipe
from remedy.remedies._base import Remedy

DRAWN = "drawn"
"""User attribute of trials that the study drew itself; the others are proposed anew by every search."""


@dataclass(frozen=True)
class Given:
    """A trial whose prescription was given; the study hears of it when it has ended."""

    params: Mapping[str, Any]


class Study:
    """Proposes prescriptions and learns from their outcomes.

    Attributes:
        optuna: The study itself.
        remedies: What TPE may draw from.
    """

    def __init__(
        self, recipe: Recipe, dataset: Dataset, remedies: Sequence[Remedy], seed: int, storage: str | None
    ) -> None:
        """Make a study, or load the one that the storage keeps for this recipe, data and catalogue."""
        self.remedies = tuple(remedies)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        # A categorical choice is frozen once a study exists, so the catalogue is part of its name.
        catalogue = repr([(r.name, r.space) for r in self.remedies]).encode()
        name = f"{recipe.digest}-{dataset.digest[:8]}-{hashlib.blake2b(catalogue, digest_size=4).hexdigest()}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # group=True, for years
            sampler = optuna.samplers.TPESampler(group=True, multivariate=True, n_startup_trials=5, seed=seed)
        self.optuna = optuna.create_study(
            storage=storage,
            study_name=name if storage else None,
            load_if_exists=True,
            direction="maximize",
            sampler=sampler,
        )
        self._told: dict[str, Any] = {}
        self._drawn: list[dict[str, Any]] = []
        self._take_over()

    def ask(self, prescription: Prescription | None = None, wanted: Sequence[Remedy] = ()) -> tuple[Any, Prescription]:
        """Return a trial and its prescription: the given one, or one that the study draws.

        Args:
            prescription: What to try; None lets the study draw.
            wanted: Remedies to draw from.
        """
        if prescription is not None:
            params = dict.fromkeys(prescription.names, True) | prescription.params()
            return self._ended(params) or Given(params), prescription
        if self._drawn:
            params = self._drawn.pop(0)
            wanted = [r for r in self.remedies if r.name in params]
            if (ended := self._ended(params)) is not None:
                return ended, self._prescription(ended, wanted)
            self.optuna.enqueue_trial(params)
        trial = self.optuna.ask()
        trial.set_user_attr(DRAWN, True)
        return trial, self._prescription(trial, wanted)

    def tell(self, trial: Any, outcome: Outcome) -> None:
        """Report what came of a trial; one that could not be trained becomes FAIL with its reason."""
        if isinstance(trial, optuna.trial.FrozenTrial):
            return  # An earlier search has told already.
        if isinstance(trial, Given):
            self._add(trial.params, outcome)
            return
        for key, value in (("stuck", outcome.stuck), ("error", outcome.error)):
            if value:
                trial.set_user_attr(key, value)
        if outcome.score is None:
            self.optuna.tell(trial, state=optuna.trial.TrialState.FAIL)
            return
        for epoch, score in enumerate(outcome.scores, start=1):
            trial.report(score, epoch)
        self.optuna.tell(trial, outcome.score)

    def _add(self, params: Mapping[str, Any], outcome: Outcome) -> None:
        """Add a trial that nobody drew: asking for one would make the sampler draw all that is then thrown away."""
        spaces: dict[str, BaseDistribution] = {}
        for remedy in self.remedies:
            if remedy.name in params:
                spaces[remedy.name] = CategoricalDistribution([False, True])
                spaces |= {
                    key: space for part, space in remedy.space.items() if (key := f"{remedy.name}.{part}") in params
                }
        complete = outcome.score is not None
        try:
            trial = optuna.trial.create_trial(
                state=optuna.trial.TrialState.COMPLETE if complete else optuna.trial.TrialState.FAIL,
                params={name: params[name] for name in spaces},
                distributions=spaces,
                value=outcome.score,
                intermediate_values=dict(enumerate(outcome.scores, start=1)),
                user_attrs={k: v for k, v in (("stuck", outcome.stuck), ("error", outcome.error)) if v},
            )
        except ValueError:
            return  # A dose outside the space: nothing that draws from the space can learn from it.
        self.optuna.add_trial(trial)

    def _take_over(self) -> None:
        """Read what an earlier, killed search has left in a storage: orphaned trials fail, and are tried again."""
        for trial in self.optuna.get_trials():
            if trial.state == optuna.trial.TrialState.RUNNING:
                self.optuna.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            elif trial.state == optuna.trial.TrialState.COMPLETE:
                self._told[_key(trial.params)] = trial
            if trial.user_attrs.get(DRAWN):
                self._drawn.append(trial.params)

    def _ended(self, params: Mapping[str, Any]) -> Any:
        return self._told.get(_key(params))

    @staticmethod
    def _prescription(trial: Any, wanted: Sequence[Remedy]) -> Prescription:
        """Read a prescription off a trial, drawing what is not drawn yet."""
        items = []
        for remedy in wanted:
            if _draw(trial, remedy.name, CategoricalDistribution([False, True])):
                dose = {key: _draw(trial, f"{remedy.name}.{key}", space) for key, space in remedy.space.items()}
                items.append((remedy.name, dose))
        return Prescription(tuple(items))


def _key(params: Mapping[str, Any]) -> str:
    return json.dumps(params, sort_keys=True, default=str)


def _draw(trial: Any, name: str, space: BaseDistribution) -> Any:
    if isinstance(trial, optuna.trial.FrozenTrial):
        return trial.params[name]
    if isinstance(space, FloatDistribution):
        return trial.suggest_float(name, space.low, space.high, log=space.log, step=space.step)
    if isinstance(space, IntDistribution):
        return trial.suggest_int(name, space.low, space.high, log=space.log, step=space.step)
    assert isinstance(space, CategoricalDistribution)
    return trial.suggest_categorical(name, space.choices)
