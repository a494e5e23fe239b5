"""The test kit: contracts that every detector and remedy keeps, and an engine that follows a script.

For authors of plugins::

    from remedy.testing import contract_tests

    test_contracts = contract_tests("my_package")
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.task import infer_task
from remedy.detectors._base import Detector
from remedy.diagnosis import Finding
from remedy.errors import NotApplicable
from remedy.evidence.evidence import Evidence
from remedy.keras_internals import every_layer
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.training.engines.scripted import ScriptedEngine

__all__ = ["ScriptedEngine", "contract_tests", "specimen"]
__all__ += ["check_patch", "check_patches", "check_rewritten", "check_saved", "check_unchanged"]

FAMILIES = ("DAT", "HED", "ARC", "OPT", "GEN")


def specimen(rows: int = 120, length: int = 160, seed: int = 0) -> tuple[Recipe, Dataset]:
    """Return a small recipe with every common kind of layer, and unbalanced, unscaled rows for it.

    Args:
        rows: Rows in all; a fifth is the validation side.
        length: Samples of the signal of one row.
        seed: Of the rows.
    """
    import keras
    from keras import layers

    rng = np.random.default_rng(seed)
    ids = rng.choice(3, size=rows, p=[0.7, 0.1, 0.2])
    X = (500 + 40 * rng.standard_normal((rows, length, 1)) + 60 * ids[:, None, None]).astype("float32")
    y = np.eye(3, dtype="float32")[ids]
    model = keras.Sequential(
        [
            keras.Input((length, 1)),
            layers.Conv1D(8, 5, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling1D(2),
            layers.Dropout(0.5),
            layers.Conv1D(8, 3, activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(8, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    rate = keras.optimizers.schedules.InverseTimeDecay(1e-4, 1, 1e-4)
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    recipe = Recipe.from_model(model, {"epochs": 2, "batch_size": 16})
    at = rows * 4 // 5
    return recipe, Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), "multiclass")


def contract_tests(package: str) -> Callable[..., None]:
    """Return one pytest function, parametrised over every contract of every class in a package.

    Args:
        package: Importable name of a package with detectors or remedies, such as "remedy.detectors".
    """
    import pytest

    module = import_module(package)
    detectors = registry.classes_in(Detector, [module])
    remedies = registry.classes_in(Remedy, [module])
    cases: list[tuple[str, Callable[[], None]]] = []
    for detector in detectors:
        for check in (_identity, _docstring, _specimens, _evidence_exists, _survives_holes, _links):
            cases.append((f"{detector.name}-{check.__name__.strip('_')}", _bind(check, detector)))
    for remedy in remedies:
        for check in (_identity, _docstring, _doses, _purity, _links):
            cases.append((f"{remedy.name}-{check.__name__.strip('_')}", _bind(check, remedy)))

    @pytest.mark.parametrize("check", [pytest.param(run, id=name) for name, run in cases])
    def test_contracts(check: Callable[[], None]) -> None:
        check()

    return test_contracts


def check_rewritten(remedy: Remedy, recipe: Recipe, dataset: Dataset, train: bool = True, **dose: Any) -> Recipe:
    """Check that a remedy changes a recipe, purely and serialisably, and that the result trains.

    Args:
        remedy: With the dose.
        recipe, dataset: What it is given for.
        train: False where the training is checked elsewhere.
        **dose: The dose.

    Returns:
        The changed recipe.
    """
    before = recipe.digest
    changed = remedy.apply(recipe, dataset, **dose)
    assert recipe.digest == before, f"{remedy.name} changed the recipe it was given"
    assert changed.digest != before, f"{remedy.name} changed nothing"
    assert remedy.apply(recipe, dataset, **dose).digest == changed.digest, f"{remedy.name} is not deterministic"
    assert Recipe.from_dict(changed.to_dict()).digest == changed.digest, f"{remedy.name} left something unserialisable"
    was, now = remedy.describe(recipe, changed)
    assert was != now, f"{remedy.name} describes no difference"
    assert isinstance(remedy.patch(recipe, dataset, **dose), str)
    if train:
        from remedy.training.fit_recipe import fit_recipe

        fit_recipe(changed.build(dataset, 0), changed, dataset, 0, 0, 1, [])
    return changed


def check_patch(remedy: Remedy, recipe: Recipe, dataset: Dataset, **dose: Any) -> None:
    """Execute the patch of a remedy, as in a user's script, and check that the training is the recipe's."""
    from remedy.prescription import Prescription

    check_patches(Prescription(((remedy.name, dose),)), recipe, dataset, [remedy])


def check_patches(prescription: Any, recipe: Recipe, dataset: Dataset, remedies: Sequence[Remedy]) -> None:
    """Execute the patch of a whole prescription in the same way.

    Model, rows and fit arguments start as the user has them. The patched model gets the initial
    weights and random states of the recipe's; after two epochs both must answer alike.
    """
    import keras

    from remedy.prescription import patch
    from remedy.training.fit_recipe import fit_recipe

    recipe = recipe.replace(shuffle=False)
    changed = prescription.apply(recipe, dataset, remedies)
    if changed.resplit:
        return  # Which rows are drawn is chance.
    ours = changed.build(dataset, 0)
    start = [np.array(v) for v in _variables(ours)]
    names: dict[str, Any] = {
        "keras": keras,
        "np": np,
        "model": recipe.build(dataset, 1),
        "X_train": dataset.train.X,
        "y_train": dataset.train.y,
        "fit": {"epochs": recipe.epochs, "batch_size": recipe.batch_size, "class_weight": recipe.class_weight},
    }
    if changed.resampling is not None and dataset.validation_tail and dataset.validation is not None:
        rows = dataset.train.with_rows(dataset.validation)  # The user's, before validation_split.
        names |= {"X_train": rows.X, "y_train": rows.y}
        names["fit"]["validation_split"] = len(dataset.validation) / len(rows)
    exec(patch(prescription, recipe, dataset, remedies), names)
    theirs, fit = names["model"], names["fit"]
    assert (fit["epochs"], fit["batch_size"]) == (changed.epochs, changed.batch_size), f"{prescription}: fit differs"
    if changed.restarts > 1:
        return  # Which start is the best one is chance.
    if not theirs.compiled:
        theirs.compile(ours.optimizer.from_config(ours.optimizer.get_config()), ours.loss)
    assert len(start) == len(_variables(theirs)), f"{prescription}: the patch makes another network"
    for value, variable in zip(start, _variables(theirs), strict=True):
        variable.assign(value)
    keras.utils.set_random_seed(0)
    fit_recipe(ours, changed, dataset, 0, 0, 2, [])
    keras.utils.set_random_seed(0)
    theirs.fit(names["X_train"], names["y_train"], **{**fit, "epochs": 2, "verbose": 0, "shuffle": False})
    told = np.abs(_answers(ours, dataset) - _answers(theirs, dataset)).max()
    assert told < 1e-4, f"{prescription}: after the patch the training differs by {told}"


def _variables(model: Any) -> list[Any]:
    """Return weights, moving averages and states of random layers, statistics fixed beforehand left out."""
    fixed_layers = [part for part in every_layer(model, itself=True) if type(part).__name__ == "Normalization"]
    fixed = {id(v) for layer in fixed_layers for v in layer.weights}
    found = [*model.trainable_variables, *model.non_trainable_variables]
    return [v for v in found if id(v) not in fixed]


def _answers(model: Any, dataset: Dataset) -> Any:
    # Called and not predict(): that would trace a graph for a few rows.
    return np.asarray(model(dataset.train.X, training=False))


def check_saved(recipe: Recipe, dataset: Dataset) -> None:
    """Check that a model built from a recipe loads again with ``safe_mode`` and predicts the same."""
    import tempfile

    import keras

    model = recipe.deliver(recipe.build(dataset, 0))
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/fix.keras")
        again = keras.saving.load_model(
            f"{folder}/fix.keras", custom_objects=dict(recipe.custom_objects), safe_mode=True
        )
    told = np.abs(_answers(model, dataset) - _answers(again, dataset)).max()
    assert told < 1e-6, f"the saved model answers differently by {told}"


def check_unchanged(remedy: Remedy, recipe: Recipe, dataset: Dataset, **dose: Any) -> None:
    """Check that a remedy says that there is nothing for it to act on."""
    import pytest

    with pytest.raises(NotApplicable, match=r"\w"):
        remedy.apply(recipe, dataset, **dose)


def _bind(check: Callable[[Any], None], cls: Any) -> Callable[[], None]:
    return lambda: check(cls)


def _identity(cls: Any) -> None:
    file = Path(inspect.getfile(cls)).stem
    assert file.replace("_", "-") == cls.name, f"{cls.__name__} lives in {file}.py but is called {cls.name}"
    assert cls.__name__.lower() == cls.name.replace("-", ""), f"class {cls.__name__} does not spell {cls.name}"
    if issubclass(cls, Detector):
        assert re.fullmatch("[A-Z]{3}[0-9]{3}", cls.code), f"{cls.code}: three capitals and three digits"
        ours = cls.__module__.startswith("remedy.detectors.")
        assert not ours or cls.code[:3] in FAMILIES, f"{cls.code} is of no family of remedy's own"
        assert cls.severity in ("error", "warning")


def _docstring(cls: Any) -> None:
    text = inspect.cleandoc(cls.__doc__ or "")
    assert text, f"{cls.__name__} has no docstring"
    wanted = (
        ("What it sees:", "Why it matters:", "What helps:", "Source:") if issubclass(cls, Detector) else ("Source:",)
    )
    for heading in wanted:
        assert heading in text, f"the docstring of {cls.__name__} has no {heading!r}"


def _specimens(cls: type[Detector]) -> None:
    assert 1 <= len(cls.fires_on) <= 2, f"{cls.name} needs one or two specimens that it fires on"
    assert 1 <= len(cls.silent_on) <= 2, f"{cls.name} needs one or two specimens that it is silent on"
    for evidence in cls.fires_on:
        finding = _detect(cls, evidence)
        assert isinstance(finding, Finding), f"{cls.name} is silent on {evidence}"
        assert any(c.isdigit() for c in finding.message), f"{cls.name} says no number: {finding.message}"
        assert 0 <= finding.confidence <= 1
    for evidence in cls.silent_on:
        assert _detect(cls, evidence) is None, f"{cls.name} fires on {evidence}"


def _evidence_exists(cls: type[Detector]) -> None:
    known = {f.name for f in fields(Evidence)}
    wanted = set(inspect.signature(cls().detect).parameters)
    assert wanted <= known, f"{cls.name} asks for evidence that nobody records: {', '.join(wanted - known)}"


def _survives_holes(cls: type[Detector]) -> None:
    """Every specimen again, with numbers that are not finite, and with empty series."""
    for evidence in (*cls.fires_on, *cls.silent_on):
        known = evidence.known()
        wanted = inspect.signature(cls().detect).parameters
        given = {name: known[name] for name in wanted if name in known}
        for name, value in given.items():
            if isinstance(value, tuple) and value and isinstance(value[0], float):
                for hole in (float("nan"), float("inf")):
                    cls().detect(**{**given, name: (*value[:-1], hole)})


def _links(cls: Any) -> None:
    codes = {c.code for c in registry.detector_classes()} | {getattr(cls, "code", "")}
    names = {c.name for c in registry.remedy_classes()} | {cls.name}
    if issubclass(cls, Detector):
        assert set(cls.remedies) <= names, f"{cls.name} names remedies that do not exist: {set(cls.remedies) - names}"
    else:
        assert set(cls.treats) <= codes, f"{cls.name} names codes that do not exist: {set(cls.treats) - codes}"
        assert set(cls.excludes) <= names


def _given(remedy: Remedy) -> tuple[Recipe, Dataset]:
    """Return the specimen that a remedy brings, or the kit's own."""
    brought = remedy.specimen()
    if brought is None:
        return specimen()
    model, X, y, fit = brought
    at, units = len(X) * 4 // 5, model.output_shape[-1]
    task = infer_task(y, model.loss if isinstance(model.loss, str) else model.loss.name, units)
    recipe = Recipe.from_model(model, fit)
    return recipe, Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), task)


def _doses(cls: type[Remedy]) -> None:
    remedy = cls()
    recipe, dataset = _given(remedy)
    assert set(remedy.usual) == set(remedy.space), f"the usual dose of {cls.name} must name every dose of its space"
    assert not cls.lengthens or "factor" in cls.space, f"{cls.name} lengthens a training and has no dose 'factor'"
    assert not cls.sets_rate or "rate" in cls.space, f"{cls.name} sets the learning rate and has no dose 'rate'"
    for dose in (remedy.usual, *remedy.usual_doses(recipe, dataset)):
        for name, value in dose.items():
            space = remedy.space[name]
            assert space._contains(space.to_internal_repr(value)), f"{cls.name}: {name}={value} is not in {space}"


def _purity(cls: type[Remedy]) -> None:
    remedy, tried = cls(), 0
    recipe, dataset = _given(remedy)
    for dose in remedy.usual_doses(recipe, dataset):
        try:
            remedy.apply(recipe, dataset, **dose)
        except NotApplicable:
            continue
        changed = check_rewritten(remedy, recipe, dataset, train=False, **dose)
        check_patch(remedy, recipe, dataset, **dose)
        check_saved(changed, dataset)
        tried += 1
    assert tried, f"no usual dose of {cls.name} applies to its specimen: give it a specimen() of its own"


def _detect(cls: type[Detector], evidence: Evidence) -> Finding | None:
    detector, known = cls(), evidence.known()
    wanted = inspect.signature(detector.detect).parameters
    found: Finding | None = detector.detect(**{name: known[name] for name in wanted if name in known})
    return found
