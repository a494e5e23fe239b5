"""scale-inputs: a scaling layer behind every input, fitted on the training rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.data_facts import FACT_ROWS, facts_of
from remedy.recipe.architecture import name_of
from remedy.recipe.input_scaling import CHANNELS, PREPROCESSING, InputScaling, columns
from remedy.recipe.readers import readers, takes_ids
from remedy.recipe.recipe import Recipe
from remedy.recipe.starting_weights import pretrained
from remedy.recipe.target_coding import NEAR_ONE, NEAR_ZERO
from remedy.remedies._base import Dose, Remedy

HEAVY = 50
"""Quartile ranges from the middle: a normal distribution reaches 3, a log-normal one of sigma 1 about 20."""

TABLE_COLUMNS = 200
"""Rows with more values are pictures or signals, whose tails are shapes."""

MANY_COLUMNS, MOST, ALIKE = 16, 0.9, 10
"""Columns share one unit where there are so many, so many begin at the same value, and their ranges differ by
this factor at most."""


class ScaleInputs(Remedy):
    """Scale the inputs inside the model, with statistics of the training rows only.

    The scaling is a layer, so the fixed model takes the user's raw X, and nothing of the
    validation or test rows leaks into it.

    Source: LeCun et al., "Efficient BackProp", 1998, section 4.3. Scaling every recording by
    itself is usual where each has its own baseline and gain (ECG, radio).
    """

    name = "scale-inputs"
    treats = ("DAT102",)
    space = {"kind": CategoricalDistribution(["standard", "minmax", "robust", "log", "per-sample"])}
    usual = {"kind": "standard"}
    scales = True
    surgery = True
    recompiles = True
    in_front = True

    wandering = 0.5
    """Rows whose means differ by more than half their inner spread have baselines of their own."""

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return "per-sample" first for signals whose rows have baselines of their own, "log" for heavy tails."""
        del recipe
        facts = facts_of(dataset.train)
        shifts = [f.row_shift for f in facts if f.row_shift is not None and len(f.shape) == 2]
        if shifts and max(shifts) > self.wandering:
            return [{"kind": "per-sample"}, {"kind": "standard"}]
        heavy = any(part.ndim < 3 and _heavy_tails(part) for part in _leaves(dataset))
        return [{"kind": kind} for kind in (("log", "standard") if heavy else ("standard",))]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Put the scaling into the recipe; it is fitted when the recipe is built."""
        recipe.architecture.require_open()
        kind = str(dose["kind"])
        if recipe.architecture.inputs() and not columns(recipe.architecture, dataset):
            raise NotApplicable("every input holds ids")
        if kind == "per-sample" and all(f.shape in ((), (1,)) for f in facts_of(dataset.train)):
            raise NotApplicable("a row of one number has no spread of its own to scale by")
        if kind == "standard" and recipe.input_scaling is None and all(map(_standard, _leaves(dataset))):
            raise NotApplicable("every column has zero mean and unit spread already")
        if pretrained(recipe) and _scaled_inside(recipe):
            raise NotApplicable("the loaded layers expect the scaling that stands before them")
        impute = recipe.input_scaling is not None and recipe.input_scaling.impute
        return recipe.replace(input_scaling=InputScaling(kind, scaled_per(dataset), impute))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the scaling."""
        return tuple(  # type: ignore[return-value]
            f"{r.input_scaling.kind} (a layer in the model)" if r.input_scaling else "raw values"
            for r in (recipe, changed)
        )

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Put the layers in front of the model."""
        return scaling_patch(self.apply(recipe, dataset, **dose), dataset.nested)


def _scaled_inside(recipe: Recipe) -> bool:
    entries = recipe.architecture.inputs()
    first = [reader for entry in entries for reader in readers(recipe.architecture, name_of(entry))]
    return bool(first) and all(reader["class_name"] in ("Rescaling", "Normalization") for reader in first)


def scaling_patch(recipe: Recipe, nested: bool = False) -> str:
    """Return the lines of Python that put a recipe's scaling in front of ``model``.

    Args:
        recipe: With the scaling.
        nested: Whether rows come in a dict or a list, be it of one array.
    """
    scaling = recipe.input_scaling
    assert scaling is not None
    if scaling.kind in PREPROCESSING:
        lines = ["x = keras.layers.Rescaling({!r}, {!r})(x)".format(*PREPROCESSING[scaling.kind])]
    elif scaling.kind in CHANNELS:
        centre, spread, turned = CHANNELS[scaling.kind]
        lines = ["x = x[..., ::-1]"] if turned else []
        lines.append(f"x = keras.layers.Normalization(-1, mean={list(centre)}, variance=np.square({list(spread)}))(x)")
    elif scaling.kind == "per-sample":
        axes = "axis=list(range(1, values.ndim))"
        lines = [f"x = keras.layers.LayerNormalization({axes}, center=False, scale=False, epsilon=1e-6)(x)"]
    elif scaling.kind == "log":
        lines = [*_scaled_by("mad", scaling.per), "x = keras.ops.arcsinh(x)", "values = np.arcsinh(values)"]
        lines += _scaled_by("standard", scaling.per)
    else:
        lines = _scaled_by(scaling.kind, scaling.per)
    if scaling.impute:
        lines.insert(0, "values = np.where(np.isfinite(values), values, np.nan)")
        lines.append("x = keras.ops.nan_to_num(x, nan=0.0, posinf=10.0, neginf=-10.0)")
    if any(len(entry["config"].get("batch_shape") or (None, 1)) < 2 for entry in recipe.architecture.inputs()):
        lines = ["values, x = values[..., None], keras.ops.expand_dims(x, -1)", *lines, "x = x[..., 0]"]
    body = "".join(f"    {line}\n" for line in lines)
    names = [name_of(entry) for entry in recipe.architecture.inputs()]
    ids = [name for name in names if takes_ids(recipe.architecture, name)]
    if len(names) == 1 and nested:
        return (
            f"def scale(x, values):\n{body}    return x\n"
            f"first = keras.tree.map_structure(lambda part: keras.Input(part.shape[1:], name={names[0]!r}), X_train)\n"
            "scaled = keras.tree.map_structure(lambda x, part: scale(x, np.asarray(part, 'float64')), first, X_train)\n"
            "model = keras.Model(first, model(scaled))"
        )
    if len(names) == 1:
        return (
            f"def scale(x, values):\n{body}    return x\n"
            "first = keras.Input(X_train.shape[1:])\n"
            "model = keras.Model(first, model(scale(first, np.asarray(X_train, 'float64'))))"
        )
    return (
        f"def scale(x, values):\n{body}    return x\n"
        f"names, ids = {names!r}, {ids!r}\n"
        "rows = X_train if isinstance(X_train, dict) else dict(zip(names, X_train))\n"
        "first = {name: keras.Input(rows[name].shape[1:], name=name) for name in names}\n"
        "scaled = {name: first[name] if name in ids else scale(first[name], np.asarray(rows[name], 'float64')) "
        "for name in names}\n"
        "one = isinstance(X_train, dict)\n"
        "model = keras.Model(first if one else list(first.values()), model(scaled if one else list(scaled.values())))"
    )


def _scaled_by(kind: str, per: str) -> list[str]:
    """Return lines that scale the tensor ``x``, and the array ``values`` alike."""
    axes = "tuple(range(values.ndim - 1))" if per == "feature" else "None"
    centre, spread = {
        "standard": (f"np.nanmean(values, {axes})", f"np.nanstd(values, {axes})"),
        "minmax": (f"np.nanmin(values, {axes})", f"np.nanmax(values, {axes}) - centre"),
        "robust": (
            f"np.nanmedian(values, {axes})",
            f"np.subtract(*np.nanpercentile(values, [75, 25], {axes})) / 1.349",
        ),
        "mad": (f"np.nanmedian(values, {axes})", f"np.nanmedian(np.abs(values - centre), {axes})"),
    }[kind]
    # Where half of the values are equal, medians say nothing of the spread.
    instead = {"robust": f"np.nanstd(values, {axes})", "mad": f"np.nanmean(np.abs(values - centre), {axes})"}.get(kind)
    axis = "-1" if per == "feature" else "None"
    return [
        f"centre = {centre}",
        f"spread = {spread}",
        *([f"spread = np.where(spread > 0, spread, {instead})"] if instead else []),
        "spread = np.where(spread > 0, spread, np.median(spread[spread > 0]) if np.any(spread > 0) else 1.0)",
        f"x = keras.layers.Normalization(axis={axis}, mean=centre, variance=spread**2)(x)",
        "values = (values - centre) / spread",
    ]


def scaled_per(dataset: Dataset) -> str:
    """Return "input" where all values of a row share one unit (pixels), else "feature"."""
    parts = _leaves(dataset)
    facts = facts_of(dataset.train)
    flat_picture = any(len(f.shape) == 2 and f.shape[-1] > 16 and f.shape[0] > 1 for f in facts)
    return "input" if flat_picture or all(map(_one_unit, parts)) else "feature"


def _leaves(dataset: Dataset) -> list[Any]:
    return [np.asarray(p[:FACT_ROWS]) for p in arrays.leaves(dataset.train.X) if p.dtype.kind in "biuf"]


def _one_unit(part: Any) -> bool:
    """Say whether flat rows are pixels or counts: many columns that begin at one minimum and end near one maximum."""
    if part.ndim != 2 or part.shape[1] < MANY_COLUMNS:
        return False
    low, high = np.nanmin(part, 0), np.nanmax(part, 0)
    varies = high > low
    if varies.sum() < MANY_COLUMNS / 2 or np.mean(low == low.min()) < MOST:
        return False
    small, large = np.percentile(high[varies] - low[varies], [20, 90])
    return bool(large <= ALIKE * small)


def _standard(part: Any) -> bool:
    """Say whether every column that varies has nearly zero mean and unit spread."""
    table = np.asarray(arrays.some(part), dtype="float64").reshape(-1, part.shape[-1] if part.ndim > 1 else 1)
    mean, spread = table.mean(0), table.std(0)
    centred, unit = np.abs(mean) < NEAR_ZERO, (spread > NEAR_ONE[0]) & (spread < NEAR_ONE[1])
    return bool(np.all((spread == 0) | (centred & unit)))


def _heavy_tails(part: Any) -> bool:
    """Say whether the largest value of some column lies more than fifty quartile ranges from its middle."""
    if np.prod(part.shape[1:]) > TABLE_COLUMNS:
        return False
    table = np.asarray(part, dtype="float64").reshape(len(part), -1)
    table = np.where(np.isfinite(table), table, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        low, middle, high = np.nanpercentile(table, [25, 50, 75], axis=0)
        reach = np.nanmax(np.abs(table - middle), axis=0)
    return bool(np.any((high > low) & (reach > HEAVY * (high - low))))
