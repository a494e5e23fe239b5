"""class-blind-metrics: what is reported cannot show that a class is missed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts

COUNTING = ("precision", "recall", "truepositives", "truenegatives", "falsepositives", "falsenegatives")
ACCURACIES = ("accuracy", "acc", "binaryaccuracy", "categoricalaccuracy", "sparsecategoricalaccuracy")


class ClassBlindMetrics(Detector):
    """The metrics count all classes together, so they cannot show that one is missed.

    What it sees: precision, recall or counts of hits that name no class, on a softmax with one-hot
    labels; precision, recall and accuracy that are the same number in every epoch; accuracy as the
    only metric where one class has nine rows in ten or more.

    Why it matters: a row of two softmax units has one unit above 0.5. Over both columns each miss
    is one false positive and one false negative, so precision, recall and accuracy are equal and
    an answer that is always the largest class looks good in all of them.

    What helps: Precision(class_id=1) and Recall(class_id=1), F1Score, or balanced accuracy.

    Source: Sokolova and Lapalme, "A systematic analysis of performance measures for classification
    tasks", 2009 (micro-averages); Brodersen et al., "The balanced accuracy and its posterior
    distribution", ICPR 2010; `keras.metrics.Precision` (argument class_id).
    """

    code, name, severity = "HED210", "class-blind-metrics", "warning"
    remedies = ("class-aware-metrics",)
    tasks = ("binary", "multiclass")
    fires_on = (
        Evidence(
            task="binary",
            metric_names=("accuracy", "Precision", "Recall"),
            outputs=(OutputFacts("ill", 2, "softmax", shape=(2,), one_hot=True, row_sums=(1.0, 1.0)),),
        ),
        Evidence(task="binary", metrics={"accuracy": (0.81, 0.86), "precision": (0.81, 0.86), "recall": (0.81, 0.86)}),
    )
    silent_on = (
        Evidence(
            task="binary",
            metric_names=("accuracy", "Precision[class_id=1]", "Recall[class_id=1]"),
            outputs=(OutputFacts("ill", 2, "softmax", shape=(2,), one_hot=True, row_sums=(1.0, 1.0)),),
            class_counts={0: 950, 1: 50},
        ),
        Evidence(task="binary", metrics={"accuracy": (0.81, 0.86), "precision": (0.7, 0.74), "recall": (0.5, 0.61)}),
    )

    tolerance: float = 1e-6
    epochs: int = 2
    majority: float = 0.9

    def detect(
        self,
        metric_names: Sequence[str] | None = None,
        outputs: Sequence[OutputFacts] | None = None,
        metrics: Mapping[str, Sequence[float]] | None = None,
        class_counts: Mapping[int, int] | None = None,
    ) -> Finding | None:
        """Judge the metrics by how they are bound, by their values, and by the class shares."""
        return (
            self._unbound(metric_names or (), outputs or ())
            or self._equal(metrics or {})
            or self._accuracy_alone(metric_names or (), class_counts or {})
        )

    def _unbound(self, names: Sequence[str], outputs: Sequence[OutputFacts]) -> Finding | None:
        counting = [name for name in names if _plain(name) in COUNTING]
        units = [facts.units or 0 for facts in outputs if facts.activation == "softmax" and facts.one_hot]
        if not counting or not units or len(units) < len(outputs) or min(units) < 2:
            return None
        two = max(units) == 2
        says = "each miss counts once for and once against, so precision, recall and accuracy are one number"
        return Finding(
            f"{' and '.join(counting)} name no class, so all {max(units)} columns of the softmax are counted together: "
            f"{says if two else 'a class that is never found hardly shows'}.",
            measured={"units": float(max(units)), "unbound": float(len(counting))},
            confidence=0.95 if two else 0.6,
        )

    def _equal(self, metrics: Mapping[str, Sequence[float]]) -> Finding | None:
        for side in ("", "val_"):
            named = {_plain(name.removeprefix(side)): v for name, v in metrics.items() if name.startswith(side)}
            named = {name: series for name, series in named.items() if series and None not in series}
            accuracy = next((named[name] for name in ACCURACIES if name in named), ())
            rows = list(zip(named.get("precision", ()), named.get("recall", ()), accuracy, strict=False))
            if any(not (math.isfinite(sum(row)) and max(row) - min(row) <= self.tolerance < min(row)) for row in rows):
                continue
            if sum(max(row) < 1 - self.tolerance for row in rows) >= self.epochs:
                value = float(rows[-1][0])
                return Finding(
                    f"{side}precision, {side}recall and {side}accuracy are the same number in all {len(rows)} epochs "
                    f"({value:.4f} in the last): they count all classes together.",
                    measured={"value": value, "epochs": float(len(rows))},
                    threshold=self.tolerance,
                    confidence=0.9,
                )
        return None

    def _accuracy_alone(self, names: Sequence[str], class_counts: Mapping[int, int]) -> Finding | None:
        rows = [count for count in class_counts.values() if count > 0]
        if not names or any(_plain(name) not in ACCURACIES for name in names) or len(rows) < 2:
            return None
        share = max(rows) / sum(rows)
        if share < self.majority:
            return None
        return Finding(
            f"{names[0]} is the only metric, and one class has {share:.1%} of the training rows: "
            "an answer that is always this class scores as much.",
            measured={"majority_share": share},
            threshold=self.majority,
            confidence=0.6,
        )


def _plain(name: str) -> str:
    """Return a metric's name in lower case, without underscores and Keras' counter; brackets stay."""
    return re.sub(r"_\d+$", "", name).lower().replace("_", "")
