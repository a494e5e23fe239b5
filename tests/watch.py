"""Trains a small program under a `EvidenceRecorder` and returns what it found: the real thing, without MLflow."""

from __future__ import annotations

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.fit_call import read_fit_call
from remedy.data.rows import Rows
from remedy.data.scores import scorer_for
from remedy.diagnosis import diagnose
from remedy.evidence.closer_look import CloserLook
from remedy.evidence.static import probe, static_evidence
from remedy.recipe.recipe import Recipe
from remedy.training.fit_recipe import fit_recipe
from remedy.training.recorder import EvidenceRecorder

from .conftest import blobs, dense

WEIGHTED_SHARES = (0.6, 0.25, 0.15)


def watched(recipe, data, detectors=None, seed=1):
    """Train a recipe for all its epochs and return the recorder."""
    model = recipe.build(data, seed)
    rows = probe(data.train)
    scorer = scorer_for(data.task, rows.target)
    recorder = EvidenceRecorder(
        static_evidence(recipe, data),
        registry.detectors(detectors),
        probe=rows,
        scorer=scorer,
        recipe=recipe,
        validation=data.validation,
        closer=CloserLook(data.train, data.task),
    )
    fit_recipe(model, recipe, data, seed, 0, recipe.epochs, [recorder], validation=data.validation)
    return recorder


def named(recorder):
    """Names of all that was found."""
    return [d.name for d in recorder.examination.diagnoses]


def found_in_weights(name, rows=None, classes=None):
    """Return what a detector says before training of three classes with these weights.

    Args:
        name: Of the detector.
        rows: Gives the weights of rows by their class ids, or None.
        classes: Class weights, or None.
    """
    X, y = blobs(rows=300, shares=list(WEIGHTED_SHARES))
    data = Dataset(Rows(X, y, None if rows is None else rows(y.argmax(1))), None, "multiclass")
    recipe = Recipe.from_model(dense(), {"epochs": 5, "batch_size": 32, "class_weight": classes})
    return diagnose(static_evidence(recipe, data), registry.detectors([name])).diagnoses


def fitted(model, X, y, **fit):
    """Train a user's own model as `remedy.fit` does, without MLflow, and return the recorder."""
    call = read_fit_call(model, X, y, fit)
    data = call.dataset
    recipe = Recipe.from_model(model, call.recipe_options)
    rows = probe(data.train)
    recorder = EvidenceRecorder(
        static_evidence(recipe, data),
        registry.detectors(),
        probe=rows,
        scorer=scorer_for(data.task, rows.target),
        recipe=recipe,
        validation=data.validation,
        closer=CloserLook(data.train, data.task),
    )
    model.fit(call.X, call.y, callbacks=[recorder], **{**call.kwargs, "verbose": 0})
    return recorder
