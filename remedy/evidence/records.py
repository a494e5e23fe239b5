"""The parts of evidence: small frozen records of inputs, outputs, layers, and of closer looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class InputFacts:
    """Statistics of one input array over the training rows (or a sample of them).

    Attributes:
        name: Name of the model's input, or its position.
        shape: Shape of one row.
        minimum, maximum, mean, std: Over all finite values.
        row_shift: Standard deviation of the rows' means over the median standard deviation within
            a row: large where every recording has its own baseline. None for flat rows.
        integers: True where every value is a whole number.
        ids: True where the input feeds an Embedding: its numbers are names, not quantities.
        normalized_inside: True where the model itself normalizes this input first.
        columns: Number of columns (values of the last axis).
        constant: How many columns hold one value only.
        nonfinite: How many values are NaN or infinite.
        largest_std: Largest standard deviation of a column.
        median_std: Median standard deviation over the columns that vary.
        median: Median of the absolute values, against `maximum` a sign of heavy tails.
        padded_behind: Of ids in rows: mean share of a row that is zeros at its end; None for other inputs.
        words: Size of the vocabulary where whole numbers that feed no Embedding look like ids of words; else None.
        unknown: Of texts: share of the words that the model's vocabulary does not know; None for other inputs.
        cut: Of texts: mean share of the words behind the last one that the model reads.
        rescaled: What a Rescaling that reads this input multiplies it with; None where there is none.
        own_code: True where code of the user's own reads it first, which may clean it.
    """

    name: str
    shape: tuple[int, ...]
    minimum: float
    maximum: float
    mean: float
    std: float
    row_shift: float | None = None
    integers: bool = False
    ids: bool = False
    normalized_inside: bool = False
    columns: int = 1
    constant: int = 0
    nonfinite: int = 0
    largest_std: float | None = None
    median_std: float | None = None
    median: float | None = None
    padded_behind: float | None = None
    words: int | None = None
    unknown: float | None = None
    cut: float | None = None
    rescaled: float | None = None
    own_code: bool = False


@dataclass(frozen=True)
class OutputFacts:
    """One output of the model, the loss on it, and the target it is compared with.

    Attributes:
        name: Name of the output layer.
        units: Size of the last axis of the output; None where unknown.
        activation: Function applied last ("softmax", "sigmoid", "relu", "linear" ...).
        before: A function applied right before it, with no weights between ("relu" before a
            softmax), or None.
        loss: Name of the loss in snake case, or None.
        from_logits: True where the loss expects raw scores.
        ignore_class: A label that the loss leaves out, or None; the target facts leave it out too.
        shape: Shape of a target row; () for one number a row.
        minimum, maximum, mean, std: Of the target's finite values.
        distinct: Number of different target values, counted up to 1000.
        integers: True where every target value is a whole number.
        one_hot: True where every target row has a single 1 and zeros else.
        row_sums: Smallest and largest sum of a target row; None for one number a row.
        nonfinite: How many target values are NaN or infinite.
        changes: How often the label changes from row to row, over what a shuffled order gives:
            near 1 when shuffled, near 0 when sorted. None where it says nothing.
        validation_mean: Mean of the validation target, or None.
        rebuilds: True where the target is the input again, or nearly (as of an autoencoder).
        stands_in: Where a target of one value a row stands among the inputs, in words, or None.
    """

    name: str = "output"
    units: int | None = None
    activation: str = "linear"
    before: str | None = None
    loss: str | None = None
    from_logits: bool = False
    ignore_class: int | None = None
    shape: tuple[int, ...] = ()
    minimum: float = 0.0
    maximum: float = 1.0
    mean: float = 0.5
    std: float = 0.5
    distinct: int = 2
    integers: bool = True
    one_hot: bool = False
    row_sums: tuple[float, float] | None = None
    nonfinite: int = 0
    changes: float | None = None
    validation_mean: float | None = None
    rebuilds: bool = False
    stands_in: str | None = None

    @property
    def loss_key(self) -> str:
        """The loss' name without underscores, short names spelled out: "categoricalcrossentropy"."""
        name = (self.loss or "").lower().replace("_", "")
        return {"mse": "meansquarederror", "mae": "meanabsoluteerror", "bce": "binarycrossentropy"}.get(name, name)

    @property
    def cross_entropy(self) -> str | None:
        """Which cross-entropy the loss is: "binary", "categorical", "sparse", or None."""
        key = self.loss_key
        if "crossentropy" not in key:
            return None
        return "binary" if "binary" in key else "sparse" if "sparse" in key else "categorical"


@dataclass(frozen=True)
class LayerFacts:
    """One layer of the model, as its configuration gives it.

    Attributes:
        name: The layer's name.
        kind: Its class, such as "Dense" or "Conv1D".
        activation: Its activation ("linear" where it has none); None for layers that know no such thing.
        units: Units or filters, or None.
        rate: Dropout rate, or None.
        penalty: Largest L1 or L2 factor on its weights, 0 where none.
        initializer: Class name of its kernel initializer, or None.
        kernel: True where it multiplies its input with weights that are trained (a frozen layer does not).
        normalizes: True for normalization layers.
        joins: True where several tensors come together (add, concatenate): a shortcut may pass by.
        shrinks: True where it lowers the resolution: pooling, or a stride above 1.
        thins: By what its strides divide the number of positions, all axes taken together.
        used: False where the layer is part of the object but not of any path to an output.
        branches: Of an Add with two inputs: how many layers with weights each way back holds, up to the layer where
            the ways part; empty where they never meet, or meet another join before.
        masks: True for an Embedding whose zeros are left out by what follows.
        empty_rows: Of a frozen Embedding: share of its rows that hold nothing but zeros; None for other layers.
        frozen: True where its weights are set not to be trained.
        inference: True where it is only ever called with ``training=False``.
        operation: True for an operation in the graph, such as ``x / 255.0``, which is no layer.
    """

    name: str
    kind: str
    activation: str | None = None
    units: int | None = None
    rate: float | None = None
    penalty: float = 0.0
    initializer: str | None = None
    kernel: bool = False
    normalizes: bool = False
    joins: bool = False
    shrinks: bool = False
    thins: int = 1
    used: bool = True
    branches: tuple[int, ...] = ()
    masks: bool = False
    empty_rows: float | None = None
    frozen: bool = False
    inference: bool = False
    operation: bool = False


@dataclass(frozen=True)
class Look:
    """A closer look at the layers, taken at the end of an epoch on a few training rows.

    Attributes:
        epoch: Epoch (from 1) after which it was taken; 0 is before the first.
        gradients: Root mean square of the loss gradient of each layer's kernel, input side first.
        weights: Root mean square of the same kernels.
        dead: Share of a relu layer's units that are zero on every row.
        saturated: Share of a bounded layer's activations (tanh, sigmoid) within a hundredth of
            their bounds.
    """

    epoch: int
    gradients: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    dead: Mapping[str, float] = field(default_factory=dict)
    saturated: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Start:
    """What the weights that a training began from are worth; only where some were loaded or trained before.

    Attributes:
        epoch: Epoch (from 1) after which it was measured; 0 is before the first.
        layers: How many layers began from such weights.
        trained: How many of these with kernels are trained, the one that reads the features left out.
        features: Name of the layer that reads the features: the last one with weights.
        score: What a linear model or a forest reaches on these features, cross-validated; None where unknown.
        error: Standard error of that score.
        constant: What the best constant answer scores.
        normalization: The first BatchNormalization that had averages from before, or None.
        mismatch: How far what reaches it lies from those averages: the median distance of the means, in its standard
            deviations, plus half the log of the ratio of variances.
        fitting: Kind of preprocessing that brings both together, or None where none does so far better.
        fitted: The same distance with that preprocessing.
    """

    epoch: int
    layers: int
    features: str
    score: float | None = None
    error: float = 0.0
    constant: float = 0.0
    trained: int | None = None
    normalization: str | None = None
    mismatch: float | None = None
    fitting: str | None = None
    fitted: float | None = None


@dataclass(frozen=True)
class Shallow:
    """What a shallow model reaches on the same rows, cross-validated.

    Attributes:
        epoch: Epoch (from 1) after which it was measured; 0 is before the first.
        score: Balanced accuracy, macro F1 or R^2, as for the network.
        error: Standard error of that score over the folds.
        constant: What the best constant answer scores.
        model: Which model it was, in words.
        mixed: Its score with rows of one group on both sides of the split; None where no groups are known.
        held: Its score on the user's validation rows, trained on training rows; None where there are none.
        shuffled: Its score with rows shuffled, where they have an order in time and ``score`` is by time.
    """

    epoch: int
    score: float
    error: float
    constant: float
    model: str
    mixed: float | None = None
    shuffled: float | None = None
    held: float | None = None
