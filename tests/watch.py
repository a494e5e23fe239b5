"""Trains a small program under a `EvidenceRecorder` and returns what it found: the real thing, without MLflow."""

from __future__ import annotations

from remedy import registry
from remedy.data.fit_call import read_fit_call
from remedy.data.scores import scorer_for
from remedy.evidence.closer_look import CloserLook
from remedy.evidence.static import probe, static_evidence
from remedy.recipe.recipe import Recipe
from remedy.training.fit_recipe import fit_recipe
from remedy.training.recorder import EvidenceRecorder


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
