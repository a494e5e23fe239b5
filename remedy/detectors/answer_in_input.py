"""answer-in-input: the target of a row stands among its inputs."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts


class AnswerInInput(Detector):
    """The value that a row asks for stands among its inputs.

    What it sees: one place of an input is equal to the target in every row; in rows of eight values and more also one
    that follows a straight line of it, as after scaling.

    Why it matters: the network only has to copy. In use that value is not known yet: a window that was cut one step too
    far, or a label that stayed in the table. Every score is then too good.

    What helps: windows that end before the value that they forecast; the label's column taken out of X.

    Source: Kaufman, Rosset and Perlich, "Leakage in data mining: formulation, detection, and avoidance", KDD 2011.
    """

    code, name, severity = "DAT122", "answer-in-input", "warning"
    fires_on = (Evidence(outputs=(OutputFacts(stands_in="place 11 of X"),)),)
    silent_on = (Evidence(outputs=(OutputFacts(),)),)

    def detect(self, outputs: Sequence[OutputFacts]) -> Finding | None:
        """Report the first output whose target was found."""
        for facts in outputs:
            if facts.stands_in is not None:
                return Finding(
                    f"The target of {facts.name!r} stands among the inputs, at {facts.stands_in} (counted from 0): the "
                    "network only has to copy it, and in use it will not be there.",
                    measured={},
                    confidence=0.9,
                )
        return None
