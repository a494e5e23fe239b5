"""From logged metrics to evidence: which metric is which, and which stretch of a history counts as an epoch.

Detectors look at one entry an epoch. Other programs log the loss by epoch, by step or by every so many steps, and what
is logged by step is the loss of single batches: it jumps, and five of its points are no five epochs. So:

1. Where validation is logged as often as the loss, or the loss is named after the epoch, every point is an entry.
2. Where validation is logged less often (five times at least), what lies between two validations is an entry: its mean.
3. Else every point is an entry, but a run that still goes on must have `LEAST` of them before anything but NaN is said.
4. In the last two cases neighbours are put together two by two until the loss no longer jumps from entry to entry
   (`rough`): the mean over w points of a batch loss jumps 1/sqrt(w) times as far. A loss that jumps too far for its
   length leaves one entry or two, from which nothing follows.
5. More than `ENTRIES` entries are put together two by two as well: an examination looks at every beginning of a run.

A loss that swings from epoch to epoch where nothing is validated cannot be told from a batch loss: it is smoothed, too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from remedy.diagnosis import Diagnosis, Examination, Looks, replay
from remedy.errors import NotFound
from remedy.evidence.evidence import Evidence
from remedy.tracking import artifacts
from remedy.tracking.metric_history import Points, latest_points, read_points

KINDS: Mapping[str, tuple[str, ...]] = {
    "loss": ("loss",),
    "accuracy": ("accuracy", "acc"),
    "precision": ("precision",),
    "recall": ("recall",),
    "learning_rate": ("lr", "learning", "rate"),
}
TRAINING = ("train", "training", "trn", "tr")
VALIDATION = ("val", "valid", "validation", "eval", "evaluation", "dev", "test")
PLAIN = (
    *("epoch", "step", "batch", "mean", "avg", "average", "running", "total", "top", "1"),
    *("binary", "categorical", "sparse", "multiclass"),
)
"""Words in the names of metrics. PyTorch Lightning: train_loss_step, val_acc, lr-Adam; Hugging Face: loss, eval_loss,
learning_rate; scripts: train/loss, Loss/validation, trainLoss, test acc. A word of `PLAIN` changes nothing."""

LEAST = 30
"""Points of a loss from which a running training is examined where nothing says that they are epochs: a loss may rest
over its first steps (warm-up, small batches of random weights) and fall later."""

ROUNDS, ENTRIES = 5, 200
ROUGH, TURNS = 0.02, 0.2
"""A loss jumps where a fifth of its points are peaks or valleys of more than two per cent. The tightest detector looks
for a quarter over four entries; with neighbours that differ by two per cent chance does not bring that about."""


class Meaning(NamedTuple):
    """What the name of a metric says; ``strangers`` counts the words that say nothing."""

    kind: str
    validation: bool
    strangers: int
    by_epoch: bool
    tests: bool


@dataclass(frozen=True)
class Logged:
    """Evidence that was read from logged metrics.

    Attributes:
        evidence: What detectors look at.
        ends: The step with which each entry of it ended.
        width: Points of the loss in one entry.
    """

    evidence: Evidence
    ends: tuple[int, ...] = ()
    width: int = 1

    def step(self, epoch: int) -> int | None:
        """Return the logged step of an epoch (from 1) of the evidence."""
        return self.ends[epoch - 1] if 0 < epoch <= len(self.ends) else None


def meaning(name: str) -> Meaning | None:
    """Return what a metric's name says, or None for one that no detector knows."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]
    kind = next((kind for kind, known in KINDS.items() if any(word in known for word in words)), None)
    if kind is None or words in (["rate"], ["learning"]):
        return None
    known = (*KINDS[kind], *TRAINING, *VALIDATION, *PLAIN)
    strangers = sum(word not in known for word in words)
    validation = any(word in VALIDATION for word in words)
    return Meaning(kind, validation, strangers, "epoch" in words, "test" in words)


def chosen(counts: Mapping[str, int]) -> dict[str, str]:
    """Return the metric that stands for each of loss, val_loss, accuracy, val_accuracy and so on.

    One name of a kind is needed. Of several, the loss by epoch is taken once it has five points, else the longest.

    Args:
        counts: Names and lengths of the histories.
    """
    told = [(said, name) for name in counts if (said := meaning(name)) is not None]
    found = {}
    for kind in KINDS:
        for side, prefix in ((False, ""), (True, "val_")):
            some = [(said, name) for said, name in told if (said.kind, said.validation) == (kind, side)]
            plain = [(said, name) for said, name in some if not said.strangers]
            if not plain and (len(some) != 1 or some[0][0].strangers > 1):
                continue  # Losses of several parts: none of them is the loss.
            best = min(plain or some, key=lambda one: _rank(one[0], one[1], counts[one[1]]))
            found[prefix + kind] = best[1]
    return found


def _rank(said: Meaning, name: str, count: int) -> tuple[Any, ...]:
    return said.tests, not (said.by_epoch and count >= ROUNDS), -count, len(name), name


def logged_evidence(run: Any) -> Logged:
    """Return the evidence of an MLflow run: remedy's own where there is, else what its metrics tell."""
    if "remedy.role" in run.data.tags:
        try:
            return Logged(Evidence.from_dict(artifacts.read_json(run.info.run_id, "evidence.json")))
        except NotFound:
            pass
    return evidence_of(read_points(run.info.run_id, latest_points(run)))


def evidence_of(points: Mapping[str, Points], running: bool = False) -> Logged:
    """Return the evidence in the histories of a run's metrics.

    Args:
        points: Histories by name.
        running: The run goes on, so that little is no sign of anything yet.
    """
    points = {name: _in_order(series) for name, series in points.items() if len(series)}
    names = chosen({name: len(series) for name, series in points.items()})
    main, held = names.pop("loss", None), names.pop("val_loss", None)
    if main is None:
        main, held = held, None
    if main is None:
        return Logged(Evidence())
    loss, validation = points.pop(main), points.pop(held) if held is not None else None
    bad = _ended_badly(loss.values)
    said = meaning(main)
    sure = said is not None and said.by_epoch
    stops = _stops(_until(loss, bad), validation, sure, running and bad is None)
    if bad is not None:
        stops = np.append(stops, len(loss))
    named = {name: points.pop(key) for name, key in names.items() if key in points}
    rates = named.pop("learning_rate", None)
    evidence = Evidence(
        loss=_means(loss.values, stops),
        val_loss=None if validation is None else _along(validation, loss, stops),
        metrics={name: _along(series, loss, stops) for name, series in (points | named).items()},
        learning_rate=None if rates is None or not len(stops) else _along(rates, loss, stops),
        nonfinite_epoch=None if bad is None else len(stops) - 1,
        nonfinite_what=None if bad is None else "loss",
    )
    if bad is None and validation is not None and (lost := _ended_badly(validation.values)) is not None:
        finite = [v for v in evidence.val_loss or () if math.isfinite(v)]
        at = min(len(finite), max(0, len(stops) - 1)) if lost else 0
        evidence = replace(evidence, nonfinite_epoch=at, nonfinite_what="val_loss")
    ends = tuple(int(loss.steps[stop - 1]) for stop in stops)
    return Logged(evidence, ends, int(np.median(np.diff(stops, prepend=0))) if len(stops) else 1)


def examine(logged: Logged, detectors: Iterable[Looks]) -> Examination:
    """Examine evidence that was read from metrics; a diagnosis says where an epoch is more than one logged point."""
    found = replay(logged.evidence, detectors)
    if logged.width <= 1:
        return found
    says = f" (Logged by step: an epoch here is {logged.width} points.)"

    def explained(diagnosis: Diagnosis) -> Diagnosis:
        return replace(diagnosis, message=diagnosis.message + says) if diagnosis.epoch else diagnosis

    return replace(found, diagnoses=tuple(explained(d) for d in found.diagnoses))


def _in_order(series: Points) -> Points:
    """Put points in the order of their steps; of time where steps repeat, as batches counted anew in each epoch do."""
    keys = (series.times, series.steps) if _steps_count(series) else (series.steps, series.times)
    order = np.lexsort(keys)
    return Points(series.steps[order], series.times[order], series.values[order])


def _steps_count(series: Points) -> bool:
    return len(np.unique(series.steps)) >= 0.9 * len(series)


def _until(series: Points, end: int | None) -> Points:
    return Points(series.steps[:end], series.times[:end], series.values[:end])


def _ended_badly(values: np.ndarray) -> int | None:
    """Return where the numbers that are not finite begin with which a history ends; one that it got over is none."""
    finite = np.flatnonzero(np.isfinite(values))
    first = int(finite[-1]) + 1 if len(finite) else 0
    return first if first < len(values) else None


def _clocks(series: Points, loss: Points) -> tuple[np.ndarray, np.ndarray]:
    """Return what both are ordered by: steps, or time where the two count differently."""
    ends = sorted((int(series.steps[-1]), int(loss.steps[-1])))
    if ends[1] <= 2 * (ends[0] + 1) and _steps_count(series) and _steps_count(loss):
        return series.steps, loss.steps
    return series.times, loss.times


def _stops(loss: Points, validation: Points | None, sure: bool, running: bool) -> np.ndarray:
    """Return the number of points of the loss up to the end of each entry. See the module docstring."""
    stops, held = np.arange(1, len(loss) + 1), 0 if validation is None else len(validation)
    sure = sure or held >= max(3, len(loss) - 1)
    if not sure and running and len(loss) < LEAST:
        return stops[:0]
    if not sure:
        if validation is not None and held >= ROUNDS:
            theirs, ours = _clocks(validation, loss)
            cuts = np.unique(np.searchsorted(ours, theirs, side="right"))
            cuts = cuts[cuts > 0]
            if len(cuts) >= ROUNDS:
                stops = cuts if 2 * (len(loss) - cuts[-1]) < np.median(np.diff(cuts)) else np.append(cuts, len(loss))
        while len(stops) > 1 and rough(np.array(_means(loss.values, stops))):
            stops = stops[1::2]
    while len(stops) > ENTRIES:
        stops = stops[1::2] if len(stops) % 2 == 0 else np.append(stops[1::2], stops[-1])
    return stops


def rough(values: np.ndarray) -> bool:
    """Say whether a loss jumps from entry to entry, as that of single batches does."""
    finite = values[np.isfinite(values)]
    if len(finite) < 3:
        return False
    size = np.maximum(np.abs(finite), 0.1 * np.abs(finite).max())
    moves = np.diff(finite) / size[1:]
    turns = (moves[1:] * moves[:-1] < 0) & (np.minimum(np.abs(moves[1:]), np.abs(moves[:-1])) > ROUGH)
    return bool(turns.mean() > TURNS)


def _means(values: np.ndarray, stops: np.ndarray) -> tuple[float, ...]:
    """Return the mean of the finite values of every entry; NaN where there is none."""
    if not len(stops):
        return ()
    starts, values = np.append(0, stops[:-1]), values[: stops[-1]]
    finite = np.isfinite(values)
    sums, counts = np.add.reduceat(np.where(finite, values, 0.0), starts), np.add.reduceat(finite.astype(int), starts)
    return tuple(float(total / count) if count else math.nan for total, count in zip(sums, counts, strict=True))


def _along(series: Points, loss: Points, stops: np.ndarray) -> tuple[float, ...]:
    """Return another metric over the same entries: its mean in each, or its last value before."""
    if len(series) == len(loss):
        return _means(series.values, stops)
    theirs, ours = _clocks(series, loss)
    following = np.append(ours, np.iinfo(np.int64).max)[stops]
    theirs_stops = np.maximum.accumulate(np.searchsorted(theirs, following, side="left"))
    counted, own = np.unique(theirs_stops, return_inverse=True)
    means = _means(series.values, counted[counted > 0])
    if not len(counted) or counted[0] == 0:  # Not logged yet in the first entries: what came first stands for them.
        means = (*(means[:1] or (math.nan,)), *means)
    return tuple(means[i] for i in own)
