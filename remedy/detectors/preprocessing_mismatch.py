"""preprocessing-mismatch: rows do not come as the loaded layers expect them."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, InputFacts, Start


class PreprocessingMismatch(Detector):
    """Pixels are not scaled as the network expects them: its preprocessing is missing, or done twice.

    What it sees: a Rescaling in the model that reads values which are small already; and, where layers were loaded or
    trained before, how far what reaches their first BatchNormalization lies from the averages that it has kept, and
    which of the usual ways to scale pixels brings both together.

    Why it matters: loaded layers answer to the values that they were trained on. 0..1 in the place of 0..255 leaves
    every photo the same black square to them.

    What helps: the preprocessing that fits, as a layer in front of the model; or to take the second one out.

    Source: the documentation of `keras.applications`, where every family has a `preprocess_input` of its own and
    EfficientNet has it inside; Ioffe and Szegedy, "Batch Normalization", 2015, for what the averages mean.
    """

    code, name, severity = "DAT117", "preprocessing-mismatch", "warning"
    remedies = ("match-preprocessing",)
    fires_on = (
        Evidence(inputs=(InputFacts("photo", (32, 32, 3), 0.0, 1.0, 0.45, 0.25, rescaled=1 / 255),)),
        Evidence(start=Start(2, 9, "head", normalization="bn", mismatch=6.0, fitting="bytes-to-signed", fitted=0.3)),
    )
    silent_on = (
        Evidence(inputs=(InputFacts("photo", (32, 32, 3), 0.0, 255.0, 115.0, 64.0, rescaled=1 / 255),)),
        Evidence(start=Start(2, 9, "head", normalization="bn", mismatch=0.4)),
    )

    smallest: float = 0.02
    unit: float = 1.5

    def detect(self, inputs: Sequence[InputFacts] = (), start: Start | None = None) -> Finding | None:
        """Report values that are scaled twice, or averages that another scaling fits."""
        for facts in inputs:
            if facts.rescaled and 0 < facts.std * abs(facts.rescaled) < self.smallest and facts.maximum <= self.unit:
                return Finding(
                    f"Input {facts.name!r} runs from {facts.minimum:.4g} to {facts.maximum:.4g}, and the model's own "
                    f"Rescaling multiplies it with {facts.rescaled:.4g}: it is scaled twice.",
                    {"std": facts.std * abs(facts.rescaled)},
                    self.smallest,
                    0.95,
                )
        if start is None or start.fitting is None or start.mismatch is None or start.fitted is None:
            return None
        return Finding(
            f"What reaches {start.normalization!r} lies {start.mismatch:.1f} from the averages that it was loaded "
            f"with; with the preprocessing {start.fitting} it is {start.fitted:.1f}.",
            {"mismatch": start.mismatch, "fitted": start.fitted},
            None,
            0.9,
        )
