"""Evidence: what was measured of a run, per epoch or once; None where it was not recorded.

Detectors are pure functions of these fields: the parameter names of ``Detector.detect`` say which
fields it needs. Per-epoch fields are tuples with one entry an epoch, oldest first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from remedy.data.scores import Task
from remedy.evidence.records import InputFacts, LayerFacts, Look, OutputFacts, Shallow, Start

__all__ = ["Evidence", "InputFacts", "LayerFacts", "Look", "OutputFacts", "PER_EPOCH", "Shallow", "Start"]

PER_EPOCH = (
    "loss",
    "val_loss",
    "learning_rate",
    "seconds",
    "predicted_counts",
    "probe_recalls",
    "probe_score",
    "val_score",
    "val_recalls",
    "probe_loss",
    "output_spread",
    "moved_score",
    "moved_threshold",
)
"""Fields of `Evidence` with one entry an epoch."""


@dataclass(frozen=True)
class Evidence:
    """Everything a detector may look at. See the module docstring for the rule of None.

    Attributes:
        task: What the labels ask for.
        epochs_planned: Epochs the user asked for.
        steps_per_epoch: Optimizer steps an epoch.
        n_train, n_validation: Rows on either side.
        class_counts: Training rows per class, ``{class: rows}``.
        class_weights: Mean weight of the training rows of every class, by ``sample_weight`` and ``class_weight``; None
            where neither was given.
        validation_counts: The same for the validation rows.
        validation_tail: True where Keras takes the last rows as validation (``validation_split``).
        validation_overlap: Share of the validation rows whose input also stands among the training rows.
        inputs: Statistics of every input array.
        validation_inputs: The same over the validation rows.
        outputs: Head, loss and target of every output.
        layers: The layers in order, nested models entered.
        optimizer: Class name of the optimizer, such as "Adam".
        planned_rates: Learning rate at the first, the middle and the last planned step, where the
            optimizer has a constant rate or a schedule that can be read.
        batch_size: Rows a step.
        metric_names: Compiled metrics; one that is bound to a class or threshold shows it in brackets.
        loss_name: Name of the loss function.
        prior_loss: Loss of the best constant answer on the training rows (nats for a
            cross-entropy, variance for a squared error), weights included.
        constant_score: Score of the best constant answer: 1/K, its macro F1, or R^2 = 0.
        batchnorm_momentum: Largest momentum of the BatchNormalization layers whose averages begin fresh and move.
        dropout_rates: Rates of the model's Dropout layers, in order.
        loss, val_loss: As Keras reports them: training mode averaged over the epoch, and inference
            mode on the validation rows.
        metrics: Every further metric of Keras' logs, by name.
        learning_rate: At the end of each epoch.
        seconds: Wall time of each epoch.
        predicted_counts: How often each class was predicted on the probe rows, in inference mode.
        probe_recalls: Share of each class' probe rows that was found, classes in ascending order.
        probe_score: Score on the probe rows (balanced accuracy, macro F1 or R^2), inference mode.
        val_score: The same score on (at most 512) validation rows.
        val_recalls: Share of each class' validation rows that was found, classes in ascending order.
        probe_loss: The user's loss on the probe rows, in inference mode, without weight penalties.
        output_spread: Largest standard deviation of an output unit over the probe rows.
        moved_score: Balanced accuracy of a binary net at the threshold that other rows choose, on validation rows or,
            where there are none, on the probe rows.
        moved_threshold: That threshold, of a probability (or of a raw score where the net gives those).
        target_spread: Standard deviation of the target over the probe rows (regression).
        nonfinite_epoch: First epoch (from 0) with a loss or output that is no finite number.
        nonfinite_what: What was not finite there: "loss", "val_loss" or "outputs".
        looks: Closer looks at the layers; taken only when something is suspicious.
        shallow: What a shallow model reaches; measured only when something is suspicious.
        start: What the weights were worth that the training began from, where some were loaded; measured when something
            is suspicious.
        seed_scores: Scores of the same program from several fresh seeds.
        unscored: Why the answers cannot be scored against the labels, in words; None where they can.
        loss_defined_at_zero: Whether the gradient of a loss of the user's own is a number where answers are exactly
            right; None for Keras' own losses.
        expected_score: Score that the user said a healthy run must reach.
        confusion: How often each class was taken for each after the last epoch: ``(true, predicted, rows)`` of every
            pair that occurs on the probe rows, in the user's own labels. Where a row has several labels, -1 stands
            for a label that is absent. Recorded only where a fix is put to the proof, like ``answers``.
        answers: ``(true, predicted)`` of at most 300 probe rows then, in the target's own units (regression; its
            first column).
    """

    task: Task | None = None
    epochs_planned: int | None = None
    steps_per_epoch: int | None = None
    n_train: int | None = None
    n_validation: int | None = None
    class_counts: Mapping[int, int] | None = None
    class_weights: Mapping[int, float] | None = None
    validation_counts: Mapping[int, int] | None = None
    validation_tail: bool | None = None
    validation_overlap: float | None = None
    inputs: tuple[InputFacts, ...] | None = None
    validation_inputs: tuple[InputFacts, ...] | None = None
    outputs: tuple[OutputFacts, ...] | None = None
    layers: tuple[LayerFacts, ...] | None = None
    optimizer: str | None = None
    planned_rates: tuple[float, float, float] | None = None
    batch_size: int | None = None
    metric_names: tuple[str, ...] | None = None
    loss_name: str | None = None
    prior_loss: float | None = None
    constant_score: float | None = None
    batchnorm_momentum: float | None = None
    dropout_rates: tuple[float, ...] | None = None
    loss: tuple[float, ...] | None = None
    val_loss: tuple[float, ...] | None = None
    metrics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    learning_rate: tuple[float, ...] | None = None
    seconds: tuple[float, ...] | None = None
    predicted_counts: tuple[tuple[int, ...], ...] | None = None
    probe_recalls: tuple[tuple[float, ...], ...] | None = None
    probe_score: tuple[float, ...] | None = None
    val_score: tuple[float, ...] | None = None
    val_recalls: tuple[tuple[float, ...], ...] | None = None
    probe_loss: tuple[float, ...] | None = None
    output_spread: tuple[float, ...] | None = None
    moved_score: tuple[float, ...] | None = None
    moved_threshold: tuple[float, ...] | None = None
    target_spread: float | None = None
    nonfinite_epoch: int | None = None
    nonfinite_what: str | None = None
    looks: tuple[Look, ...] | None = None
    shallow: Shallow | None = None
    start: Start | None = None
    seed_scores: tuple[float, ...] | None = None
    expected_score: float | None = None
    unscored: str | None = None
    loss_defined_at_zero: bool | None = None
    confusion: tuple[tuple[float, float, int], ...] | None = None
    answers: tuple[tuple[float, float], ...] | None = None

    @property
    def epochs_seen(self) -> int:
        """How many epochs have been recorded."""
        return len(self.seconds or self.loss or ())

    def known(self) -> dict[str, Any]:
        """Return the fields that were recorded, by name."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}

    def with_epoch(self, **values: Any) -> Evidence:
        """Return new evidence with one more entry at the end of each named per-epoch field."""
        grown = {name: (*(getattr(self, name) or ()), value) for name, value in values.items()}
        changed: Any = grown  # each value fits its own field
        return replace(self, **changed)

    def until(self, epochs: int) -> Evidence:
        """Return the evidence as it was after so many epochs."""
        cut: dict[str, Any] = {name: series[:epochs] for name in PER_EPOCH if (series := getattr(self, name))}
        cut["metrics"] = {name: series[:epochs] for name, series in self.metrics.items()}
        if epochs < self.epochs_seen:
            cut |= {"confusion": None, "answers": None}
        if self.nonfinite_epoch is not None and self.nonfinite_epoch >= epochs:
            cut |= {"nonfinite_epoch": None, "nonfinite_what": None}
        if self.looks:
            cut["looks"] = tuple(look for look in self.looks if look.epoch <= epochs) or None
        for name in ("shallow", "start"):
            if (measured := getattr(self, name)) and measured.epoch > epochs:
                cut[name] = None
        return replace(self, **cut)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict; non-finite numbers become the strings "nan", "inf", "-inf"."""
        known: dict[str, Any] = _jsonable({k: v for k, v in asdict(self).items() if v is not None})
        return known

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evidence:
        """Rebuild what `to_dict` wrote; unknown keys (of a newer version) are left out."""
        names = {f.name for f in fields(cls)}
        values = {k: _restored(v) for k, v in data.items() if k in names}
        for name in ("class_counts", "validation_counts"):
            if (counts := values.get(name)) is not None:
                values[name] = {int(k): int(v) for k, v in counts.items()}
        if (weights := values.get("class_weights")) is not None:
            values["class_weights"] = {int(k): float(v) for k, v in weights.items()}
        for name, record in RECORDS.items():
            if (parts := values.get(name)) is not None:
                values[name] = tuple(_record(record, part) for part in parts)
        for name, record in (("shallow", Shallow), ("start", Start)):
            if (measured := values.get(name)) is not None:
                values[name] = _record(record, measured)
        return cls(**values)


RECORDS: Mapping[str, Any] = {
    "inputs": InputFacts,
    "validation_inputs": InputFacts,
    "outputs": OutputFacts,
    "layers": LayerFacts,
    "looks": Look,
}


def _record(kind: Any, values: Mapping[str, Any]) -> Any:
    known = {f.name for f in fields(kind)}
    return kind(**{k: v for k, v in values.items() if k in known})


def _jsonable(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(v) for v in value]
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, str) and value in ("nan", "inf", "-inf"):
        return float(value)
    if isinstance(value, Mapping):
        return {k: _restored(v) for k, v in value.items()}
    if isinstance(value, list):
        return tuple(_restored(v) for v in value)
    return value
