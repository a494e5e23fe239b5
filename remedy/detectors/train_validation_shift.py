"""train-validation-shift: the validation rows are scaled differently, or come from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, InputFacts, OutputFacts


class TrainValidationShift(Detector):
    """The validation rows are scaled differently from the training rows, or come from elsewhere.

    What it sees: mean and standard deviation of every input on either side, and for a regression
    the mean of the target. A difference in spread that a few extreme values explain is left alone.

    Why it matters: the network meets values it was not trained on, so the validation score says
    nothing about what it learnt. The usual reason is scaling that was fitted on, or applied to,
    one side only.

    What helps: fitting the scaling on the training rows and applying the same to both sides, or
    shuffling before the split.

    Source: Quinonero-Candela et al. (eds.), "Dataset Shift in Machine Learning", MIT Press 2009,
    for the trouble; the bounds are far beyond what chance does to samples of this size.
    """

    code, name, severity = "DAT107", "train-validation-shift", "warning"
    remedies = ("shuffle-split",)
    fires_on = (
        Evidence(
            inputs=(InputFacts("table", (8,), -3.0, 3.0, 0.0, 1.0),),
            validation_inputs=(InputFacts("table", (8,), 100.0, 900.0, 500.0, 100.0),),
            n_validation=80,
        ),
    )
    silent_on = (
        Evidence(
            inputs=(InputFacts("table", (8,), -3.0, 3.0, 0.0, 1.0),),
            validation_inputs=(InputFacts("table", (8,), -2.5, 2.9, 0.1, 0.9),),
            n_validation=80,
        ),
    )

    ratio: float = 5.0
    shift: float = 3.0
    rows: float = 20
    certain: float = 50.0

    def detect(
        self,
        inputs: Sequence[InputFacts],
        validation_inputs: Sequence[InputFacts],
        n_validation: int,
        outputs: Sequence[OutputFacts] | None = None,
        task: str | None = None,
        validation_tail: bool | None = None,
    ) -> Finding | None:
        """Compare the sides input by input, then the targets of a regression."""
        found = [self._input(facts, held, n_validation) for facts, held in self._pairs(inputs, validation_inputs)]
        if task == "regression" and n_validation >= self.rows:
            found += [self._target(facts, validation_tail) for facts in outputs or ()]
        return max((f for f in found if f), key=lambda f: f.confidence, default=None)

    @staticmethod
    def _pairs(inputs: Sequence[InputFacts], held: Sequence[InputFacts]) -> list[tuple[InputFacts, InputFacts]]:
        named = {facts.name: facts for facts in held}
        if all(facts.name in named for facts in inputs):
            pairs = [(facts, named[facts.name]) for facts in inputs]
        else:
            pairs = list(zip(inputs, held, strict=False)) if len(inputs) == len(held) else []
        return [(a, b) for a, b in pairs if not a.ids and a.shape == b.shape]

    def _input(self, train: InputFacts, held: InputFacts, n: int) -> Finding | None:
        if not train.std > 1e-6 * abs(train.mean) or not held.std >= 0 or (train.integers and held.std == 0):
            return None  # Rare whole numbers may all be missing on the small side.
        ratio, moved = held.std / train.std, abs(held.mean - train.mean) / train.std
        wide = ratio > self.ratio or ratio < 1 / self.ratio
        if n < self.rows:
            wide, moved = ratio > self.certain or 0 < ratio < 1 / self.certain, 0.0
        if not moved > self.shift and (not wide or self._extremes(train, held)):
            return None
        return Finding(
            f"Input {train.name!r} has mean {train.mean:.4g} and standard deviation {train.std:.4g} in training, "
            f"but {held.mean:.4g} and {held.std:.4g} in the {n} validation rows: "
            f"{'the sides are scaled differently' if wide else 'these rows come from elsewhere'}.",
            measured={"std_ratio": ratio, "mean_shift": moved},
            threshold=self.ratio if wide else self.shift,
            confidence=0.9 if wide else 0.8,
        )

    @staticmethod
    def _extremes(train: InputFacts, held: InputFacts) -> bool:
        """Look whether a few values far out make the wider side wide, while the usual size is the same."""
        wider = max(train, held, key=lambda facts: facts.std)
        reach = max(wider.maximum - wider.mean, wider.mean - wider.minimum)
        if not reach > 10 * wider.std:
            return False
        if train.median is None or held.median is None:
            return True
        return 0.5 * train.median <= held.median <= 2 * train.median

    def _target(self, facts: OutputFacts, tail: bool | None) -> Finding | None:
        if facts.validation_mean is None or not facts.std > 1e-6 * abs(facts.mean):
            return None
        moved = abs(facts.validation_mean - facts.mean) / facts.std
        if not moved > self.shift:
            return None
        ordered = facts.changes is not None and facts.changes < 0.1
        why = f"; validation_split takes the last rows{', and the rows are sorted' if ordered else ''}" if tail else ""
        return Finding(
            f"The target of {facts.name!r} has mean {facts.mean:.4g} (standard deviation {facts.std:.4g}) in training, "
            f"but {facts.validation_mean:.4g} in validation: {moved:.1f} standard deviations apart{why}.",
            measured={"mean_shift": moved},
            threshold=self.shift,
            confidence=0.8,
        )
