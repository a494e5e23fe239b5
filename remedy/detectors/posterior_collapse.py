"""posterior-collapse: the KL divergence of a variational autoencoder rests at zero."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class PosteriorCollapse(Detector):
    """The encoder of a variational autoencoder answers the prior to every row, and the decoder does without it.

    What it sees: a metric that the training logs under a name with "kl" in it: it stays below a hundredth of a nat for
    three epochs and does not rise.

    Why it matters: a divergence of zero means that the code says nothing of the row. The decoder learns the mean of all
    rows, and samples all look alike.

    What helps: a smaller weight of the divergence, or one that grows from zero over the first epochs; a weaker decoder;
    some nats that every dimension may have for free. The reconstruction loss has to be a sum over the values of a row
    where the divergence is a sum over its dimensions: a mean makes the divergence outweigh it.

    Source: Bowman et al., "Generating sentences from a continuous space", CoNLL 2016, section 3.1; Kingma et al.,
    "Improved variational inference with inverse autoregressive flow", 2016, appendix C.8 (free bits).
    """

    code, name, severity = "GEN409", "posterior-collapse", "error"
    remedies = ()
    fires_on = (Evidence(loss=(46.0, 45.1, 44.9, 44.8), metrics={"kl_loss": (0.18, 0.005, 0.0034, 0.0024)}),)
    silent_on = (
        Evidence(loss=(44.0, 43.1, 42.9, 42.8), metrics={"kl_loss": (0.2, 0.06, 0.08, 0.14)}),
        Evidence(loss=(44.0, 43.1, 42.9, 42.8), metrics={"kl_loss": (0.0, 0.001, 0.004, 0.009)}),
    )

    least: float = 0.01
    patience: int = 3

    def detect(self, metrics: Mapping[str, Sequence[float]]) -> Finding | None:
        """Look at every metric of that name."""
        for name, series in metrics.items():
            last = list(series[-self.patience :])
            words = name.lower().replace("-", "_").split("_")
            if name.startswith("val_") or not {"kl", "kld"} & set(words) or len(last) < self.patience:
                continue
            if all(math.isfinite(v) and abs(v) < self.least for v in last) and last[-1] <= last[0]:
                return Finding(
                    f"{name} was below {self.least:g} for {self.patience} epochs and is {last[-1]:.2g}: the code says "
                    "nothing of the row. Give the divergence less weight, or let its weight grow from zero.",
                    measured={"divergence": last[-1]},
                    threshold=self.least,
                    confidence=0.85,
                )
        return None
