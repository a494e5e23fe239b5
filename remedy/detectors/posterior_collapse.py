"""posterior-collapse: the KL divergence of a variational autoencoder rests at zero."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts

NAMES = {"kl", "kld", "loss", "divergence", "term", "mean"}
"""Words of which the name of the divergence is made."""


class PosteriorCollapse(Detector):
    """The encoder of a variational autoencoder answers the prior to every row, and the decoder does without it.

    What it sees: where rows have no labels, or are their own target: a metric named after the divergence ("kl",
    "kl_loss", "kld") that stays below a hundredth of a nat for three epochs and does not rise. One that is exactly zero
    has no weight yet.

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
        Evidence(task="multiclass", loss=(1.0, 0.1, 0.05, 0.04), metrics={"kl_loss": (0.1, 0.005, 0.0034, 0.0024)}),
    )

    least: float = 0.01
    patience: int = 3

    def detect(
        self,
        metrics: Mapping[str, Sequence[float]],
        task: str | None = None,
        outputs: Sequence[OutputFacts] = (),
        metric_names: Sequence[str] = (),
    ) -> Finding | None:
        """Look at every metric of that name."""
        if task is not None and not any(facts.rebuilds for facts in outputs):
            return None  # A distance between answers and labels, or of a student from its teacher: small is good.
        for name, series in metrics.items():
            last = list(series[-self.patience :])
            words = set(name.lower().replace("-", "_").split("_"))
            named = bool({"kl", "kld"} & words) and words <= NAMES
            if not named or name in metric_names or len(last) < self.patience:
                continue
            if all(math.isfinite(v) and 0 < abs(v) < self.least for v in last) and last[-1] <= last[0]:
                return Finding(
                    f"{name} was below {self.least:g} for {self.patience} epochs and is {last[-1]:.2g}: the code says "
                    "nothing of the row. Give the divergence less weight, or let its weight grow from zero.",
                    measured={"divergence": last[-1]},
                    threshold=self.least,
                    confidence=0.85,
                )
        return None
