"""accuracy-on-regression: a share of hits is reported for numbers that are never hit."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts

ACCURACIES = (
    *("accuracy", "acc", "binaryaccuracy", "categoricalaccuracy", "sparsecategoricalaccuracy"),
    *("topkcategoricalaccuracy", "sparsetopkcategoricalaccuracy"),
)
PRICE = OutputFacts("price", 1, minimum=5.0, maximum=50.0, mean=22.5, std=9.2, distinct=229, integers=False)


class AccuracyOnRegression(Detector):
    """Accuracy is reported where the target is a number and not a class.

    What it sees: accuracy among the compiled metrics of a regression. It stays silent where some
    output has classes or distributions as its target, because the accuracy may be meant for that.

    Why it matters: accuracy counts answers that equal the target. A real number is hardly ever
    met exactly, so the value stays near 0, or counts something by accident, and says nothing.

    What helps: mean absolute error in the unit of the target, or R^2.

    Source: `keras.metrics.Accuracy` ("how often predictions equal labels"); the rest is plain
    reasoning.
    """

    code, name, severity = "HED211", "accuracy-on-regression", "warning"
    tasks = ("regression",)
    fires_on = (Evidence(task="regression", metric_names=("accuracy",), outputs=(PRICE,)),)
    silent_on = (
        Evidence(task="regression", metric_names=("mae",), outputs=(PRICE,)),
        Evidence(
            task="regression",
            metric_names=("accuracy",),
            outputs=(OutputFacts("mixed", 3, "softmax", shape=(3,), integers=False, row_sums=(1.0, 1.0)),),
        ),
    )

    sum_slack: float = 1e-3

    def detect(self, task: str, metric_names: Sequence[str], outputs: Sequence[OutputFacts]) -> Finding | None:
        """Look for an accuracy among the metrics where every output is a regression."""
        named = [name for name in metric_names if name.partition("[")[0].lower().replace("_", "") in ACCURACIES]
        if task != "regression" or not named or not outputs or any(self._has_classes(facts) for facts in outputs):
            return None
        first = outputs[0]
        return Finding(
            f"The metric {named[0]!r} counts exact hits, but the target of output {first.name!r} is a number "
            f"from {first.minimum:.4g} to {first.maximum:.4g} with at least {first.distinct} different values.",
            measured={"minimum": first.minimum, "maximum": first.maximum, "target_values": float(first.distinct)},
            confidence=0.9,
        )

    def _has_classes(self, facts: OutputFacts) -> bool:
        shares = facts.row_sums is not None and all(abs(total - 1) <= self.sum_slack for total in facts.row_sums)
        two = facts.integers and facts.distinct <= 2
        return facts.one_hot or shares or two or facts.cross_entropy in ("categorical", "sparse")
