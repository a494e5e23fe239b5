"""What is known before the first epoch: the evidence that data and recipe give by themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array
from remedy.data.dataset import Dataset
from remedy.data.heads import parts, per_output
from remedy.data.persistence import constant_answer
from remedy.data.rows import Rows
from remedy.data.scores import CLASSIFICATION, class_ids, keras_labels
from remedy.data.task import rebuilds, stands_in
from remedy.evidence.data_facts import FACT_VALUES, input_facts, overlap, target_facts
from remedy.evidence.evidence import Evidence, InputFacts, LayerFacts, OutputFacts
from remedy.evidence.model_facts import NORMALIZERS, head_facts, layer_facts, metric_names, planned_rates
from remedy.recipe.architecture import LayerConfig, name_of
from remedy.recipe.readers import read_by_own_layer, readers, takes_ids
from remedy.recipe.recipe import Recipe
from remedy.recipe.starting_weights import pretrained

KERAS_BATCH_SIZE = 32

PLAIN = ("sum_over_batch_size", "mean", None)
"""Reductions of a Keras loss that give its mean over rows."""


def training_evidence(recipe: Recipe, dataset: Dataset, carried: frozenset[str] = frozenset()) -> Evidence:
    """Return what detectors need to judge a training as it goes: cheap, so that every trial can have it.

    Args:
        recipe: How the run will train.
        dataset: What it will train on.
        carried: Names of BatchNormalization layers whose averages are of a training before, as far as the recipe does
            not tell.
    """
    rows = dataset.total_rows or len(dataset.train)
    batch_size = recipe.batch_size or KERAS_BATCH_SIZE
    architecture = recipe.architecture
    momenta = _moving_averages(recipe, carried)
    dropouts = tuple(float(layer["config"]["rate"]) for layer in architecture.layers("Dropout"))
    regression = dataset.task == "regression"
    return Evidence(
        task=dataset.task,
        epochs_planned=recipe.epochs,
        steps_per_epoch=recipe.steps_per_epoch or math.ceil(rows / batch_size),
        n_train=rows,
        class_counts=dataset.class_counts,
        class_weights=_class_weights(recipe, dataset),
        optimizer=str(recipe.descent["class_name"]),
        batch_size=batch_size,
        loss_name=recipe.loss_name,
        prior_loss=prior_loss(recipe, dataset),
        constant_score=constant_answer(dataset.train, dataset.task),
        batchnorm_momentum=max(momenta) if momenta else None,
        dropout_rates=None if architecture.opaque else dropouts,
        target_spread=_spread(recipe.coded(dataset.train).target) if regression else None,
    )


def _spread(target: arrays.Array) -> float | None:
    """Return the standard deviation of the targets that are numbers: a loss of the user's own may skip the others."""
    values = np.asarray(target, dtype="float64")
    values = values[np.isfinite(values)]
    return float(values.std()) if values.size else None


def _moving_averages(recipe: Recipe, carried: frozenset[str]) -> list[float]:
    """Return the momenta of averages that begin at 0 and 1 and move: loaded, frozen and unmoved ones do not lag."""
    architecture = recipe.architecture
    still = pretrained(recipe) | architecture.in_inference() | carried
    moving = [e for e in architecture.layers("BatchNormalization") if name_of(e) not in still]
    return [float(e["config"]["momentum"]) for e in moving if e["config"].get("trainable", True)]


def static_evidence(recipe: Recipe, dataset: Dataset, carried: frozenset[str] = frozenset()) -> Evidence:
    """Return the evidence of data and recipe alone, all of it; nothing is trained.

    Args:
        recipe: How the run will train.
        dataset: What it will train on.
        carried: As for `training_evidence`.
    """
    known, held = training_evidence(recipe, dataset, carried), dataset.validation
    steps = (known.steps_per_epoch or 1) * recipe.epochs
    known = replace(
        known,
        inputs=_inputs(recipe, dataset.train),
        outputs=_outputs(recipe, dataset),
        layers=_layers(recipe),
        planned_rates=planned_rates(recipe, steps),
        metric_names=(*metric_names(recipe.metrics), *metric_names(recipe.weighted_metrics)),
    )
    if held is None:
        return known
    return replace(
        known,
        n_validation=len(held),
        validation_counts=dataset.counts(held),
        validation_tail=dataset.validation_tail,
        validation_overlap=overlap(dataset.train, held),
        validation_inputs=_inputs(recipe, held, FACT_VALUES // 4),
    )


def _layers(recipe: Recipe) -> tuple[LayerFacts, ...] | None:
    """Return the layers, with what the weights of frozen tables of words hold."""
    found = layer_facts(recipe.architecture)
    tables = {f.name: recipe.kept_weights[f.name][0] for f in found or () if _is_table(f, recipe)}
    empty = {name: float(np.mean(~np.any(table, axis=1))) for name, table in tables.items()}
    return found and tuple(replace(f, empty_rows=empty[f.name]) if f.name in empty else f for f in found)


def _is_table(layer: LayerFacts, recipe: Recipe) -> bool:
    kept = recipe.kept_weights.get(layer.name)
    return layer.kind == "Embedding" and bool(kept) and np.ndim(kept[0]) == 2  # type: ignore[index]


def _inputs(recipe: Recipe, rows: Rows, most: int = FACT_VALUES) -> tuple[InputFacts, ...]:
    """Measure the inputs, and mark those that the model normalizes itself or takes as ids."""
    architecture = recipe.architecture
    names, ids, inside, rescaled = [], {}, {}, {}
    for entry in architecture.inputs():
        name = name_of(entry)
        first = readers(architecture, name)
        kinds = [reader["class_name"] for reader in first]
        names.append(name)
        rescaled[name] = next((_factor(reader) for reader in first if reader["class_name"] == "Rescaling"), None)
        ids[name] = takes_ids(architecture, name)
        inside[name] = recipe.input_scaling is not None or bool(kinds and all(kind in NORMALIZERS for kind in kinds))
    own = {name for name in names if read_by_own_layer(architecture, name)}
    return tuple(
        replace(
            facts,
            normalized_inside=bool(inside.get(facts.name)),
            rescaled=rescaled.get(facts.name),
            own_code=bool(architecture.opaque) or facts.name in own,
            ids=facts.ids or (facts.name in own and facts.integers and facts.minimum >= 0),
        )
        for facts in input_facts(rows.X, names or None, ids, most)
    )


def _factor(rescaling: LayerConfig) -> float | None:
    scale = rescaling["config"].get("scale")
    return float(scale) if isinstance(scale, (int, float)) else None


def _outputs(recipe: Recipe, dataset: Dataset) -> tuple[OutputFacts, ...]:
    """Put head, loss and target of every output side by side."""
    heads = head_facts(recipe)
    named = dict(arrays.named_leaves(dataset.train.y))
    held = {} if dataset.validation is None else dict(arrays.named_leaves(dataset.validation.y))
    if len(heads) != len(named):
        return ()
    keys = [h["name"] for h in heads] if set(named) == {h["name"] for h in heads} else list(named)
    facts = []
    for head, key in zip(heads, keys, strict=True):
        target = target_facts(named[key], held.get(key), head.get("ignore_class"))
        X, y = dataset.train.X, named[key]
        facts.append(OutputFacts(**head, **target, rebuilds=rebuilds(X, y), stands_in=stands_in(X, y)))
    return tuple(facts)


def row_weights(rows: Rows, class_weight: Mapping[int, float] | None) -> Array:
    """Return the weight of every row, shape (n,): sample weights (the mean over its steps) times class weights."""
    weights = np.ones(len(rows)) if rows.sample_weight is None else np.asarray(rows.sample_weight, dtype="float64")
    weights = weights.reshape(len(rows), -1).mean(-1)
    ids = class_ids(rows.target) if class_weight else np.zeros(0, dtype="int64")
    if class_weight and len(ids) == len(rows):
        kinds, kind = np.unique(ids, return_inverse=True)
        labels = keras_labels(rows.target)
        weights = weights * np.array([class_weight.get(labels.get(int(c), int(c)), 1.0) for c in kinds])[kind]
    return weights


def _class_weights(recipe: Recipe, dataset: Dataset) -> Mapping[int, float] | None:
    """Return the mean weight of the training rows of every class; None where no weights were given."""
    rows = dataset.train
    weighted = recipe.class_weight is not None or rows.sample_weight is not None
    if not weighted or dataset.task not in CLASSIFICATION or len(arrays.leaves(rows.y)) != 1:
        return None
    coded = recipe.coded(rows)
    ids, weights = class_ids(coded.target), row_weights(coded, recipe.class_weight)
    if len(ids) != len(weights):
        return None
    return {int(c): float(weights[ids == c].mean()) for c in np.unique(ids)}


def prior_loss(recipe: Recipe, dataset: Dataset) -> float | None:
    """Return the loss of the best constant answer on the training rows, or None where unknown.

    For a cross-entropy this is the (weighted) entropy of the class shares in nats, ln K for K
    balanced classes; for a mean squared error the variance of the target, for a mean absolute one
    its mean distance from the median; for a KL divergence that from the mean target.
    """
    if dataset.heads:
        return _prior_of_heads(recipe, dataset)
    rows = recipe.coded(dataset.train)
    name = (recipe.loss_name or "").lower().replace("_", "")
    if not isinstance(rows.y, np.ndarray) or (rows.sample_weight is not None and rows.sample_weight.ndim > 1):
        return None
    if recipe.loss_options.get("label_smoothing") or recipe.loss_options.get("ignore_class") is not None:
        return None
    if recipe.loss_options.get("reduction", PLAIN[0]) not in PLAIN:
        return None  # What is logged is no mean over rows.
    target = np.asarray(rows.target, dtype="float64")
    if not np.all(np.isfinite(target)):
        return None
    flat = target.reshape(-1, target.shape[-1] if target.ndim > 1 else 1)
    if rows.sample_weight is not None and dataset.task not in CLASSIFICATION:
        return None  # What is logged is weighted.
    if name in ("mse", "meansquarederror"):
        return float(flat.var(axis=0).mean())
    if name in ("mae", "meanabsoluteerror"):
        return float(np.abs(flat - np.median(flat, axis=0)).mean())
    if name in ("kldivergence", "kld", "kullbackleiblerdivergence") and flat.min() >= 0:
        safe = np.clip(flat, 1e-7, 1)
        return float((safe * np.log(safe / safe.mean(axis=0))).sum(-1).mean())
    if "crossentropy" not in name or "focal" in name:
        return None
    if dataset.task in CLASSIFICATION and not ("binary" in name and target.ndim > 1 and target.shape[-1] > 1):
        ids = class_ids(rows.target)
        weights = row_weights(rows, recipe.class_weight) if len(ids) == len(rows) else np.ones(len(ids))
        mass = np.array([total for c in np.unique(ids) if (total := weights[ids == c].sum()) > 0])
        return float(-(mass * np.log(mass / mass.sum())).sum() / len(ids))
    share = np.clip(flat.mean(0), 1e-12, 1 - 1e-12)
    if "binary" not in name and len(share) > 1:  # Shares of classes in every row: smoothed, mixed or distilled labels.
        return float(-(share * np.log(share)).sum())
    return float(-(share * np.log(share) + (1 - share) * np.log(1 - share)).mean())


def head_priors(recipe: Recipe, dataset: Dataset) -> dict[str, float]:
    """Return what the best constant answer of every output costs, before it is weighted; unknown ones are left out.

    Args:
        recipe: Of a model of several outputs.
        dataset: The rows it trains on.
    """
    names = [head.name for head in dataset.heads]
    coded = recipe.coded(dataset.train)
    found = {}
    for head, y, loss in zip(dataset.heads, parts(coded.y, names) or (), per_output(recipe.loss, names), strict=False):
        single = replace(dataset, train=replace(coded, y=y), task=head.task, heads=())
        prior = prior_loss(recipe.replace(loss=loss, target=None, class_weight=None), single)
        if prior is not None:
            found[head.name] = prior
    return found


def _prior_of_heads(recipe: Recipe, dataset: Dataset) -> float | None:
    priors, names = head_priors(recipe, dataset), [head.name for head in dataset.heads]
    if len(priors) < len(names):
        return None
    weights = [1.0] * len(names) if recipe.loss_weights is None else per_output(recipe.loss_weights, names)
    return float(sum((w or 0.0) * priors[name] for name, w in zip(names, weights, strict=True)))


PROBE_LEAST, PROBE_BYTES = 32, 1 << 25
"""Fewer rows are asked where they are photos of many pixels: so many at least, and of so many bytes at most."""


def probe(rows: Rows, limit: int = 512) -> Rows:
    """Pick at most ``limit`` rows that keep the shares of the classes (or the spread of the target).

    Args:
        rows: Rows to pick from.
        limit: Never more than this; also never more than a sixteenth of the rows (128 at least), so
            that looking stays a few per cent of training.
    """
    wanted = min(len(rows), limit, max(128, len(rows) // 16))
    wanted = min(wanted, max(PROBE_LEAST, PROBE_BYTES // max(1, arrays.nbytes(rows.X) // max(1, len(rows)))))
    target = np.asarray(rows.target)
    keys = class_ids(target) if target.ndim > 1 and target.shape[-1] > 1 else target.reshape(len(target), -1)[:, 0]
    if len(keys) != len(rows):
        keys = np.arange(len(rows))
    order = np.argsort(keys, kind="stable")
    return rows.take(np.sort(order[np.linspace(0, len(rows) - 1, wanted).round().astype("int64")]))
