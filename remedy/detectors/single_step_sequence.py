"""single-step-sequence: a recurrent layer is given rows of one step."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors.unmasked_padding import RECURRENT
from remedy.evidence.evidence import Evidence, InputFacts, LayerFacts

LSTM = (LayerFacts("lstm", "LSTM"), LayerFacts("dense", "Dense"))


class SingleStepSequence(Detector):
    """A recurrent layer is given rows of one step.

    What it sees: an input of shape (1, features) and a recurrent layer.

    Why it matters: a recurrent layer adds to every step what it remembers of those before. With one step there is
    nothing to remember: the layer is a dense one with gates, and neither order nor past can be learnt.

    What helps: windows of several steps, (rows, steps, features), for instance with
    `keras.utils.timeseries_dataset_from_array`; or a Dense layer.

    Source: Keras' guide "Working with RNNs": the second axis of the input is time.
    """

    code, name, severity = "ARC313", "single-step-sequence", "warning"
    remedies = ()
    fires_on = (Evidence(inputs=(InputFacts("rows", (1, 12), -1.0, 1.0, 0.0, 0.5),), layers=LSTM),)
    silent_on = (
        Evidence(inputs=(InputFacts("rows", (24, 12), -1.0, 1.0, 0.0, 0.5),), layers=LSTM),
        Evidence(inputs=(InputFacts("rows", (1, 12), -1.0, 1.0, 0.0, 0.5),), layers=LSTM[1:]),
    )

    def detect(self, inputs: Sequence[InputFacts], layers: Sequence[LayerFacts]) -> Finding | None:
        """Look for a recurrent layer where every input has one step."""
        recurrent = next((layer for layer in layers if layer.kind in RECURRENT), None)
        if recurrent is None or not inputs or any(len(f.shape) != 2 or f.shape[0] != 1 for f in inputs):
            return None
        return Finding(
            f"{recurrent.kind} {recurrent.name!r} is given rows of one step, shape {inputs[0].shape}: over one step it "
            "sees no past. Give windows of several steps, (rows, steps, features).",
            measured={"steps": 1.0},
            threshold=1.0,
            confidence=0.95,
        )
