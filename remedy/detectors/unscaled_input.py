"""unscaled-input: the input values are far from zero mean and unit spread."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, InputFacts


class UnscaledInput(Detector):
    """An input's values are far from zero mean and unit spread.

    What it sees: mean, standard deviation and largest absolute value of every input that is not
    ids for an Embedding and that the model does not normalize itself; also one column whose spread
    is a hundred times that of the others, and values that hardly differ around a mean far from 0.

    Why it matters: initial weights are drawn for inputs of unit variance (Glorot and Bengio,
    AISTATS 2010); with values in the hundreds the first layer saturates or its gradients rule the
    step size, with values below a hundredth nothing moves (LeCun et al., "Efficient BackProp",
    1998, section 4.3). It is the commonest cause in collected reports of stuck programs. One wide
    column drowns the others; a common offset does the same to small differences.

    What helps: scaling as a layer inside the model, fitted on the training rows only.

    Source: LeCun et al. ask for mean 0 and equal covariance; the bounds here leave room for
    one-hot columns, 0..1 pixels and values with heavy tails.
    """

    code, name, severity = "DAT102", "unscaled-input", "warning"
    remedies = ("scale-inputs",)
    fires_on = (
        Evidence(inputs=(InputFacts("signal", (2700, 1), -20.0, 2039.0, 949.9, 92.5),)),
        Evidence(inputs=(InputFacts("tiny", (8,), 0.0, 2e-4, 1e-4, 5e-5),)),
    )
    silent_on = (
        Evidence(inputs=(InputFacts("pixels", (28, 28), 0.0, 1.0, 0.13, 0.31),)),
        Evidence(inputs=(InputFacts("words", (80,), 0.0, 9999.0, 300.0, 900.0, ids=True),)),
    )

    largest: float = 30.0
    spread: float = 10.0
    smallest: float = 0.02
    wild: float = 100.0
    offset: float = 20.0

    def detect(self, inputs: Sequence[InputFacts]) -> Finding | None:
        """Report the input that lies furthest outside the bounds."""
        worst: Finding | None = None
        for facts in inputs:
            finding = None if facts.ids or facts.words or facts.normalized_inside else self._judge(facts)
            if finding and (worst is None or finding.confidence > worst.confidence):
                worst = finding
        return worst

    def _judge(self, facts: InputFacts) -> Finding | None:
        reach = max(abs(facts.minimum), abs(facts.maximum))
        measured = {"mean": facts.mean, "std": facts.std, "largest": reach}
        says = (
            f"Input {facts.name!r} runs from {facts.minimum:.4g} to {facts.maximum:.4g} "
            f"(mean {facts.mean:.4g}, standard deviation {facts.std:.4g})"
        )
        if facts.std > self.spread or abs(facts.mean) > self.largest or reach > 10 * self.largest:
            return Finding(
                f"{says}; weights are drawn for values near 0 with a spread of 1.",
                measured,
                self.spread,
                min(1.0, 0.6 + max(facts.std / self.spread, abs(facts.mean) / self.largest) / 20),
            )
        if 0 < reach < self.smallest:
            return Finding(f"{says}; values this small hardly move the weights.", measured, self.smallest, 0.8)
        if self._barely_differs(facts):
            return Finding(
                f"{says}; the differences are {abs(facts.mean) / facts.std:.0f} times smaller than what all share.",
                measured,
                self.smallest,
                0.75,
            )
        return self._one_wild_column(facts)

    def _barely_differs(self, facts: InputFacts) -> bool:
        """Look for a narrow band far from 0; a wide range with a tiny spread is a rare event, not a band."""
        span = facts.maximum - facts.minimum
        varies = facts.constant < facts.columns and 0 < span < 10 * self.smallest
        return varies and 0 < facts.std < self.smallest and abs(facts.mean) > self.offset * facts.std

    def _one_wild_column(self, facts: InputFacts) -> Finding | None:
        largest, usual = facts.largest_std, facts.median_std
        if facts.columns < 2 or largest is None or usual is None or not 0 < usual <= largest / self.wild:
            return None
        if not largest > self.spread:
            return None
        return Finding(
            f"One of the {facts.columns} columns of input {facts.name!r} has a standard deviation of {largest:.4g}, "
            f"the usual column {usual:.4g}: it drowns the others.",
            {"largest_std": largest, "median_std": usual, "std": facts.std},
            self.wild,
            0.8,
        )
