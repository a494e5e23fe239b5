"""unscaled-input: the input values are far from zero mean and unit spread."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence import Evidence, InputFacts


class UnscaledInput(Detector):
    """An input's values are far from zero mean and unit spread.

    What it sees: mean, standard deviation and largest absolute value of every input that is not
    ids for an Embedding and that the model does not normalize itself.

    Why it matters: initial weights are drawn for inputs of unit variance (Glorot and Bengio,
    AISTATS 2010); with values in the hundreds the first layer saturates or its gradients rule the
    step size, with values below a hundredth nothing moves (LeCun et al., "Efficient BackProp",
    1998, section 4.3). It is the commonest cause in collected reports of stuck programs.

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

    def detect(self, inputs: Sequence[InputFacts]) -> Finding | None:
        """Report the input that lies furthest outside the bounds."""
        worst: Finding | None = None
        for facts in inputs:
            finding = None if facts.ids or facts.normalized_inside else self._judge(facts)
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
        return None
