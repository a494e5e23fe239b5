"""misplaced-threshold: the network puts the rows in the right order and cuts them at the wrong place."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._symptoms import judged
from remedy.evidence.evidence import Evidence


class MisplacedThreshold(Detector):
    """A binary network ranks its rows well and answers badly: another threshold would find far more.

    What it sees: the balanced accuracy at one half, and at the threshold that one half of the rows chooses as best,
    judged on the other half; on validation rows where there are some. It speaks at the end of the planned epochs.

    Why it matters: where one class is rare, a probability of one half is a high bar, and the rare class is hardly
    ever answered although the network knows it from the others.

    What helps: moving the threshold, which takes a new bias in the head and no training; class weights do the same
    while training.

    Source: Provost, "Machine learning from imbalanced data sets 101", AAAI Workshop 2000 (do not use 0.5 as it
    stands); Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27, 2006.
    """

    code, name, severity = "HED214", "misplaced-threshold", "warning"
    remedies = ("move-threshold", "class-weights")
    tasks = ("binary",)
    fires_on = (Evidence(task="binary", probe_score=(0.55, 0.63), moved_score=(0.72, 0.80), epochs_planned=2),)
    silent_on = (
        Evidence(task="binary", probe_score=(0.7, 0.86), moved_score=(0.75, 0.88), epochs_planned=2),
        Evidence(task="binary", probe_score=(0.5, 0.5), moved_score=(0.5, 0.53), epochs_planned=2),
    )

    gain: float = 0.1

    def detect(
        self,
        probe_score: Sequence[float],
        moved_score: Sequence[float],
        epochs_planned: int | None = None,
        val_score: Sequence[float] | None = None,
        moved_threshold: Sequence[float] | None = None,
    ) -> Finding | None:
        """Compare both scores after the last epoch."""
        if not moved_score or len(probe_score) < (epochs_planned or 1):
            return None
        now, moved = judged(probe_score, val_score)[0][-1], moved_score[-1]
        if moved - now <= self.gain:
            return None
        where = f" ({moved_threshold[-1]:.3g})" if moved_threshold else ""
        return Finding(
            f"At one half the balanced accuracy is {now:.2f}; at a better threshold{where}, chosen on other rows, it "
            f"is {moved:.2f}: the network knows the classes apart and cuts at the wrong place.",
            measured={"at_half": now, "moved": moved},
            threshold=self.gain,
            confidence=min(0.95, 0.7 + moved - now),
        )
