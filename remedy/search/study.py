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

from remedy.data.dataset import Dataset
from remedy.prescription import Prescription
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.training.engines._base import Outcome

LEFT_OUT, HELD = "no", "yes"
"""Choices of a remedy's parameter; one with a categorical dose is held by a value of it, such as "kind=standard"."""

DRAWN = "drawn"
"""User attribute of trials that the study drew itself; the others are proposed anew by every search."""


@dataclass(frozen=True)
class Given:
    """A trial whose prescription was given; the study hears of it when it has ended."""

    params: Mapping[str, Any]


class Sampler(optuna.samplers.TPESampler):
    """TPE; but a dose that is drawn apart and spans no decades is drawn evenly from its narrow range.

    TPE costs 5 ms a dose after 200 trials, and little is learned by it where any dose of the range does its work.
    """

    def __init__(self, seed: int, **options: Any) -> None:
        """Make one; the options are those of `TPESampler`."""
        super().__init__(seed=seed, **options)
        self._even = optuna.samplers.RandomSampler(seed)

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: BaseDistribution) -> Any:
        """Draw one dose."""
        if getattr(param_distribution, "log", False):
            return super().sample_independent(study, trial, param_name, param_distribution)
        return self._even.sample_independent(study, trial, param_name, param_distribution)

    def reseed_rng(self) -> None:
        """Begin anew with other numbers."""
        super().reseed_rng()
        self._even.reseed_rng()


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
        catalogue = repr([(r.name, list(_choices(r)), r.space) for r in self.remedies]).encode()
        name = f"{recipe.digest}-{dataset.digest[:8]}-{hashlib.blake2b(catalogue, digest_size=4).hexdigest()}"
        # Which remedies go together is drawn jointly: every trial says of each whether it holds it, and of which kind.
        # Other doses are drawn one by one, of what is held alone: group=True would draw all that were ever seen.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # multivariate=True, for years
            sampler = Sampler(multivariate=True, n_startup_trials=5, seed=seed)
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
            params = _params(prescription, self.remedies)
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
            spaces[remedy.name] = CategoricalDistribution(list(_choices(remedy)))
            doses = {f"{remedy.name}.{part}": space for part, space in remedy.space.items()}
            spaces |= {name: space for name, space in doses.items() if name in params}
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
            choices = _choices(remedy)
            held = choices[_draw(trial, remedy.name, CategoricalDistribution(list(choices)))]
            if held is not None:
                rest = {part: space for part, space in remedy.space.items() if part not in held}
                drawn = {part: _draw(trial, f"{remedy.name}.{part}", space) for part, space in rest.items()}
                items.append((remedy.name, {part: (held | drawn)[part] for part in remedy.space}))
        return Prescription(tuple(items))


def _choices(remedy: Remedy) -> dict[str, dict[str, Any] | None]:
    """Return what the parameter of a remedy may be, and the doses that this settles; None where it is left out."""
    part = next((p for p, space in remedy.space.items() if isinstance(space, CategoricalDistribution)), None)
    if part is None:
        return {LEFT_OUT: None, HELD: {}}
    return {LEFT_OUT: None} | {f"{part}={value}": {part: value} for value in remedy.space[part].choices}


def _params(prescription: Prescription, remedies: Sequence[Remedy]) -> dict[str, Any]:
    """Return a prescription as the study's parameters; a dose outside the space fits no choice."""
    params, doses = {}, dict(prescription.items)
    for remedy in remedies:
        dose = dict(doses.get(remedy.name, {}))
        settled = [name for name, held in _choices(remedy).items() if held is not None and held.items() <= dose.items()]
        params[remedy.name] = LEFT_OUT if remedy.name not in doses else next(iter(settled), HELD)
        for part, value in dose.items():
            if not (settled and part in (_choices(remedy)[settled[0]] or {})):
                params[f"{remedy.name}.{part}"] = value
    return params


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
